//! What can be wrong with a file that should be a profile: what it is, and where.
//! Broken by: `tests/pprof_hostile_files.rs`.

use core::fmt;

use crate::cold::std::{error, io};

/// Why a file could not be read as a profile. Offsets are in bytes of the unpacked file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be read.
    Io(io::Error),
    /// The packed data is damaged or ends early.
    Gzip {
        /// How many bytes could be unpacked before the damage.
        unpacked_bytes: u64,
        /// What the unpacker says.
        source: io::Error,
    },
    /// Unpacked, the file has more bytes than [`ReadLimits::unpacked_bytes`](super::ReadLimits::unpacked_bytes).
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The file has more of something than the limits allow, although it is not too large.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no protocol-buffer message of this shape.
    Malformed {
        /// Where the field begins.
        offset: usize,
        /// The field.
        field: &'static str,
    },
    /// A text is not UTF-8.
    NotUtf8 {
        /// The text's index.
        index: usize,
    },
    /// A field names an entry that the file does not have.
    Dangling {
        /// Where the message with the field begins.
        offset: usize,
        /// The field.
        field: &'static str,
        /// The index or id that it names.
        id: u64,
    },
    /// An entry has the id 0, or the id of an earlier one.
    BadId {
        /// Where the message begins.
        offset: usize,
        /// What kind of entry.
        field: &'static str,
        /// The id.
        id: u64,
    },
    /// A sample does not have one value per sample type.
    ValueCount {
        /// Where the sample begins.
        offset: usize,
        /// How many values it has.
        found: usize,
        /// How many sample types the file declares.
        expected: usize,
    },
    /// The file declares no sample type, so it is empty or something else.
    NoSampleTypes,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "cannot read: {error}"),
            ReadError::Gzip { unpacked_bytes, source } => {
                write!(
                    f,
                    "the gzip data is damaged or cut off after {unpacked_bytes} unpacked bytes: {source}"
                )
            }
            ReadError::TooLarge { limit_bytes } => {
                write!(f, "unpacks to more than the limit of {limit_bytes} bytes")
            }
            ReadError::TooMuch { what, limit } => write!(f, "has more {what} than the limit of {limit}"),
            ReadError::Malformed { offset, field } => {
                write!(f, "not a pprof profile, or cut off: bad {field} at byte {offset}")
            }
            ReadError::NotUtf8 { index } => write!(f, "string {index} is not UTF-8"),
            ReadError::Dangling { offset, field, id } => {
                write!(f, "{field} at byte {offset} names entry {id}, which the file does not have")
            }
            ReadError::BadId { offset, field, id } => {
                write!(f, "{field} at byte {offset} has the id {id}, which is zero or taken")
            }
            ReadError::ValueCount { offset, found, expected } => {
                write!(f, "sample at byte {offset} has {found} values for {expected} sample types")
            }
            ReadError::NoSampleTypes => write!(f, "not a pprof profile: it declares no sample type"),
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ReadError::Io(source) | ReadError::Gzip { source, .. } => Some(source),
            _ => None,
        }
    }
}
