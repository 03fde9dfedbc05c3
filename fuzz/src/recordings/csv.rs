//! CSV files of commands.

use pricetime_engine::{Command, Engine};
use pricetime_recordings::csv::{Column, Options, Reader, Writer};

use super::{goes_on_within, source};
use crate::Bytes;

const NAME: &str = "day.csv";
/// The bytes of an input that say how a file is damaged. The rest of it becomes commands.
const DAMAGE: usize = 16;

/// A file that the writer makes of any commands, and damage to it.
pub fn file(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let damage;
    (damage, bytes.0) = bytes.0.split_at(bytes.0.len().min(DAMAGE));
    let mut file = written(&bytes.commands());
    Bytes(damage).corrupt(&mut file);
    file
}

/// Reads a file, executes its commands, and writes them. They are read again as they were.
pub fn read(bytes: &[u8]) {
    let commands = parsed(bytes);
    let mut engine = Engine::new(4);
    commands.iter().for_each(|command| {
        engine.apply(command, &mut ());
    });
    assert_eq!(parsed(&written(&commands)), commands);
}

fn parsed(bytes: &[u8]) -> Vec<Command> {
    let opened = source(NAME, bytes).map(|source| Reader::new(source, Options::default()));
    let mut commands = Vec::new();
    match opened {
        Some(Ok(reader)) => {
            for command in reader {
                match command {
                    Ok(command) => commands.push(command),
                    Err(refused) => {
                        goes_on_within(&refused, NAME, bytes.len());
                    }
                }
            }
        }
        Some(Err(refused)) => assert!(!goes_on_within(&refused, NAME, bytes.len()), "{refused}"),
        None => {}
    }
    commands
}

fn written(commands: &[Command]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), NAME, &Column::ALL).expect("all columns");
    for command in commands {
        writer.write(command).expect("there is a column for everything");
    }
    writer.finish().expect("memory")
}
