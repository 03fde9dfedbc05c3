//! The trading screen: a book with depth bars, the last trades, the epochs, a line of figures.
//!
//! [`page`](page::page) draws a [`Picture`], which does not know where its values come from. `demo` and
//! `top` make pictures. [`Screen`] owns the terminal while they are shown.

mod bar;
mod book;
mod choice;
mod colors;
mod epochs;
mod head;
mod help;
mod history;
mod keys;
mod page;
mod paint;
mod picture;
mod tape;
mod terminal;

pub(crate) use choice::{Choice, Press, SHOWN_MAX};
pub(crate) use history::{Epoch, History, Trade};
pub(crate) use paint::{clock, epoch_rows, market, running, spread, trade_rows};
pub(crate) use picture::{Call, Countdown, Figure, LevelRow, Market, Notice, Picture, Tab};
pub(crate) use terminal::{Screen, is_possible};
