//! The one error of this crate: which file, where in it, what is wrong, and what to do.

use std::error::Error;
use std::fmt;
use std::io;

use crate::compression::Compression;
use crate::csv::CsvFault;
use crate::format::Format;

/// The longest part of a value that an error shows, in bytes.
const VALUE_MAX: usize = 40;

/// A recording that cannot be read, or cannot be written.
///
/// ```
/// use pricetime_recordings::{Source, VenueReader as _, lobster};
///
/// let text = b"34200.5,1,7,100,5853300,1\n34201,1,8,1OO,5853300,1\n";
/// let source = Source::of("AAPL_message.csv", text.as_slice())?;
/// let mut reader = lobster::Reader::new(source, lobster::Options::default());
/// let error = loop {
///     match reader.next() {
///         Ok(message) => assert!(message.is_some()),
///         Err(error) => break error,
///     }
/// };
/// assert_eq!(
///     error.to_string(),
///     "AAPL_message.csv: line 2, byte 26: size \"1OO\" is not a whole number",
/// );
/// assert!(error.is_in_one_message());
/// # Ok::<(), pricetime_recordings::RecordingError>(())
/// ```
pub struct RecordingError(Box<Details>);

/// What a [`RecordingError`] says.
#[derive(Debug)]
pub struct Details {
    /// The name of the file.
    pub file: String,
    /// The offset of the message in the uncompressed bytes.
    pub offset: Option<u64>,
    /// The message.
    pub message: Option<MessageNumber>,
    /// The field of the message.
    pub field: Option<&'static str>,
    /// The value of the field, escaped and shortened.
    pub value: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// The number of a message in its file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageNumber {
    /// The line of a text file.
    Line(u64),
    /// The record of a binary file.
    Record(u64),
}

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system cannot open, read or write the file.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The path is a directory.
    #[error("is a directory")]
    Directory,
    /// There is no byte at all.
    #[error("is empty")]
    Empty,
    /// A compressed stream ends too early.
    #[error("the {0} stream is cut off")]
    CutOff(Compression),
    /// A compressed stream cannot be decompressed.
    #[error("the {0} stream is damaged: {1}")]
    Damaged(Compression, #[source] io::Error),
    /// The bytes end in the middle of a message.
    #[error("the file ends in the middle of a message")]
    Incomplete,
    /// A message is longer than any message can be.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// The first message cannot be of the expected format.
    #[error("{fault}, so this is not {format}")]
    NotFormat {
        /// The expected format.
        format: Format,
        /// The format that the file probably has.
        likely: Option<Format>,
        /// What is wrong with the first message.
        fault: Box<Fault>,
    },
    /// The file has this format, but a version or a content that cannot be read.
    #[error("is not supported; {0} can be read")]
    Unsupported(&'static str),
    /// A line has another number of columns.
    #[error("has {found} column{s} instead of {expected}", s = if *found == 1 { "" } else { "s" })]
    Columns {
        /// The number of columns of the format.
        expected: usize,
        /// The number of columns of the line.
        found: usize,
    },
    /// A record does not have the length of its type.
    #[error("has {found} bytes instead of {expected}")]
    Length {
        /// The number of bytes that the type has.
        expected: usize,
        /// The number of bytes of the record.
        found: usize,
    },
    /// The value is not a number.
    #[error("is not {0}")]
    NotNumber(&'static str),
    /// The value is a number that the field cannot have.
    #[error("is not {0}")]
    OutOfRange(&'static str),
    /// The value has more decimal places than the format can hold.
    #[error("has more than {0} decimal places")]
    TooPrecise(u8),
    /// The value stands for nothing in this format.
    #[error("is not one of {0}")]
    UnknownCode(&'static str),
    /// The message is about an order that no message before it added.
    #[error("no message before it added this order")]
    UnknownOrder,
    /// Two files that belong together do not have the same number of lines.
    #[error("has fewer lines than {0}")]
    Shorter(String),
    /// A CSV file of commands is faulty.
    #[error(transparent)]
    Csv(#[from] CsvFault),
}

impl Fault {
    /// What the user can do about it, if it does not follow from the fault.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Directory => String::from("give a file in it"),
            Self::Empty => String::from("check the program that writes it"),
            Self::CutOff(_) => String::from("copy or download the file again"),
            Self::Damaged(Compression::Gzip, _) => String::from("check the file with `gzip -t`"),
            Self::Damaged(Compression::Zstd, _) => String::from(
                "check the file with `zstd -t`; a window above 128 MiB is refused, so compress such a file \
                 again with `zstd --long=27`",
            ),
            Self::Incomplete => {
                String::from("is it still being written, or was it copied only in part?")
            }
            Self::NotFormat { likely: Some(Format::Zip), .. } => {
                String::from("it is a ZIP archive: unpack it first")
            }
            Self::NotFormat { likely: Some(likely), .. } => format!("it looks like {likely}"),
            Self::UnknownOrder => {
                String::from("a recording can be written only from its first message on")
            }
            Self::Shorter(_) => String::from("give two files of one download"),
            Self::NotFormat { likely: None, fault, .. } => return fault.hint(),
            Self::Csv(fault) => return fault.hint(),
            Self::Io(_)
            | Self::TooLong(_)
            | Self::Unsupported(_)
            | Self::Columns { .. }
            | Self::Length { .. }
            | Self::NotNumber(_)
            | Self::OutOfRange(_)
            | Self::TooPrecise(_)
            | Self::UnknownCode(_) => return None,
        })
    }

    /// Returns `true` if only one message is faulty.
    const fn is_in_one_message(&self) -> bool {
        match self {
            Self::Csv(fault) => fault.is_in_one_row(),
            Self::Columns { .. }
            | Self::Length { .. }
            | Self::NotNumber(_)
            | Self::OutOfRange(_)
            | Self::TooPrecise(_)
            | Self::UnknownCode(_)
            | Self::UnknownOrder => true,
            Self::Io(_)
            | Self::Directory
            | Self::Empty
            | Self::CutOff(_)
            | Self::Damaged(..)
            | Self::Incomplete
            | Self::TooLong(_)
            | Self::NotFormat { .. }
            | Self::Unsupported(_)
            | Self::Shorter(_) => false,
        }
    }
}

impl RecordingError {
    /// Creates an error about a whole file.
    #[must_use]
    pub fn new(file: &str, fault: Fault) -> Self {
        Self(Box::new(Details {
            file: file.to_owned(),
            offset: None,
            message: None,
            field: None,
            value: None,
            fault,
        }))
    }

    /// Sets the name of the file.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        file.clone_into(&mut self.0.file);
        self
    }

    /// Adds the message.
    #[must_use]
    pub fn at_message(mut self, message: MessageNumber) -> Self {
        self.0.message = Some(message);
        self
    }

    /// Adds the offset.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Adds the field and its value.
    #[must_use]
    pub fn field(mut self, field: &'static str, value: &[u8]) -> Self {
        let shown = value.get(..VALUE_MAX).unwrap_or(value);
        let more = if shown.len() < value.len() { "…" } else { "" };
        self.0.field = Some(field);
        self.0.value = Some(format!("{}{more}", shown.escape_ascii()));
        self
    }

    /// Turns an error about the first message into one about the whole file, which has another format.
    #[must_use]
    pub fn not_format(mut self, format: Format, start: &[u8]) -> Self {
        let likely = Format::guess(start).filter(|likely| *likely != format);
        let fault = std::mem::replace(&mut self.0.fault, Fault::Empty);
        self.0.fault = Fault::NotFormat { format, likely, fault: Box::new(fault) };
        self
    }

    /// What the error says, in parts.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// Returns `true` if only one message is faulty, so that the reader's next call returns the message
    /// after it. After any other error the reader's next call returns `None`.
    #[must_use]
    pub fn is_in_one_message(&self) -> bool {
        self.0.fault.is_in_one_message()
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Record(number) => write!(f, "record {number}"),
        }
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { file, offset, message, field, value, fault } = &*self.0;
        write!(f, "{file}:")?;
        match (message, offset) {
            (Some(message), Some(offset)) => write!(f, " {message}, byte {offset}:")?,
            (Some(message), None) => write!(f, " {message}:")?,
            (None, Some(offset)) => write!(f, " byte {offset}:")?,
            (None, None) => {}
        }
        if let Some(field) = field {
            write!(f, " {field}")?;
        }
        if let Some(value) = value {
            write!(f, " \"{value}\"")?;
        }
        write!(f, " {fault}")?;
        fault.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// As [`Details`], without the box.
impl fmt::Debug for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Error for RecordingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.fault.source()
    }
}
