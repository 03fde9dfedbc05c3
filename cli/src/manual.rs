//! `pricetime man` and `pricetime completions`: what other programs read about the command line.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;

use super::failure::Failure;
use super::reader::{Stop, finish};

/// Prints the manual, or installs a page for each command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime man | man -l -                        read all of it
  pricetime man --install ~/.local/share/man      then: man pricetime-run")]
pub(super) struct Manual {
    /// Write a page for each command to DIR/man1, and say how `man` finds them
    #[arg(long, value_name = "DIR")]
    install: Option<PathBuf>,
}

/// Prints completions for a shell, or installs them.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
    /// Write them to a file in this directory instead, under the name that the shell expects
    #[arg(long, value_name = "DIR")]
    install: Option<PathBuf>,
}

impl Manual {
    pub(super) fn run(&self, program: clap::Command) -> Result<(), Failure> {
        let Some(folder) = &self.install else { return finish(print(program).map_err(Stop::from)) };
        let pages = folder.join("man1");
        fs::create_dir_all(&pages).map_err(|error| write_failed(&pages, &error))?;
        clap_mangen::generate_to(program.clone(), &pages)
            .map_err(|error| write_failed(&pages, &error))?;
        let name = fs::canonicalize(folder).map_err(|error| write_failed(folder, &error))?;
        let mut out = io::stdout().lock();
        let written = writeln!(
            out,
            "{} pages in {}\nread one  MANPATH={}: man {}-run",
            count(&program),
            pages.display(),
            name.display(),
            program.get_name()
        );
        finish(written.map_err(Stop::from))
    }
}

impl Completions {
    pub(super) fn run(&self, mut program: clap::Command) -> Result<(), Failure> {
        let name = program.get_name().to_owned();
        let mut out = io::stdout().lock();
        let written = if let Some(folder) = &self.install {
            let failed = |error| write_failed(folder, &error);
            fs::create_dir_all(folder).map_err(failed)?;
            let file = clap_complete::generate_to(self.shell, &mut program, name, folder);
            writeln!(out, "{}", file.map_err(failed)?.display())
        } else {
            let mut script = Vec::new();
            clap_complete::generate(self.shell, &mut program, name, &mut script);
            out.write_all(&script)
        };
        finish(written.map_err(Stop::from))
    }
}

/// Prints the manual page of the program, followed by those of its commands.
fn print(program: clap::Command) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(program.clone()).render(&mut page)?;
    for subcommand in program.get_subcommands() {
        let name = format!("{}-{}", program.get_name(), subcommand.get_name());
        Man::new(subcommand.clone().name(name)).render(&mut page)?;
    }
    io::stdout().write_all(&page)
}

/// The number of pages of a command and everything below it.
fn count(command: &clap::Command) -> usize {
    1 + command.get_subcommands().map(count).sum::<usize>()
}

fn write_failed(folder: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write to {}: {error}", folder.display()))
}
