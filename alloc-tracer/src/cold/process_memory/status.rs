//! `/proc/thread-self/status`: what the kernel says of the process as a whole (proc_pid_status(5)).
//! Broken by: tests below.

use crate::cold::std::{fs, io};

const STATUS: &str = "/proc/thread-self/status";

/// The figures that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) peak_resident_bytes: u64,
    pub(super) threads: u64,
}

impl Status {
    /// # Errors
    /// Names the file, where it cannot be read.
    pub(super) fn read() -> io::Result<Status> {
        let text =
            fs::read(STATUS).map_err(|error| io::Error::new(error.kind(), super::reading(STATUS, &error)))?;
        Ok(Status::parse(&text))
    }

    /// By bytes: the program's name, which is in it, need not be UTF-8. What is not there is 0.
    fn parse(text: &[u8]) -> Status {
        let figure = |name: &[u8]| {
            let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name));
            let line = line.and_then(|line| str::from_utf8(line).ok()).unwrap_or_default().trim();
            line.trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
        };
        Status { peak_resident_bytes: figure(b"VmHWM:") << 10, threads: figure(b"Threads:") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name_whatever_the_program_is_called() {
        let text = b"Name:\t\xff\xfe\nVmHWM:\t    1988 kB\nThreads:\t3\n";
        assert_eq!(Status::parse(text), Status { peak_resident_bytes: 1988 << 10, threads: 3 });
        assert_eq!(Status::parse(b""), Status { peak_resident_bytes: 0, threads: 0 });
        assert!(Status::read().unwrap().threads >= 1);
    }
}
