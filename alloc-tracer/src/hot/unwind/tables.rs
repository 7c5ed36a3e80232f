//! The unwind tables of a loaded module, read in place: `.eh_frame_hdr` leads from an address to the record
//! of its function in `.eh_frame` (LSB Core, 10.6). Only the forms that linkers write are understood; gimli
//! reads all of them, and takes a kilobyte of the program's stack for it.
//! Broken by: the tests of `program.rs`, `tests/differential_walk.rs`, `tests/plugins.rs`.

use core::{ptr, slice};

use super::bytes::Bytes;
use crate::sys::modules::UnwindSection;

/// The unwind tables of one module.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    /// Where the header is.
    header: usize,
    search: &'static [Entry],
    /// Where the records begin.
    start: usize,
    records: &'static [u8],
}

/// An entry of the search table: where a function begins and where its record is, from the header.
pub(super) type Entry = [i32; 2];

/// What a function's record says, and the one that it shares with others of its kind.
#[derive(Clone, Copy)]
pub(super) struct Function {
    /// The addresses that the record is for.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: Kind,
    /// The program that all functions of its kind begin with, and its own.
    pub(super) shared_program: Bytes,
    pub(super) program: Bytes,
}

/// Version 1, and the encodings that every linker writes: where `.eh_frame` is, as 4 bytes from here; the count,
/// as 4 bytes; the table, as pairs of 4 bytes from the header on.
const USUAL_FORM: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
const TABLE_OFFSET: usize = 12;

impl Tables {
    /// The tables of the module with this section, if they have the usual form.
    pub(super) fn of(section: &UnwindSection) -> Option<Tables> {
        let header = section.header;
        // SAFETY: the module that was asked about stays loaded while a frame of it is on the stack, and its
        // tables lie in a segment that the dynamic linker mapped for reading. How long they are stands in
        // themselves; the module bounds them.
        let bytes = unsafe { bytes_between(header, section.module_end) }?;
        let (fixed, table) = bytes.split_at_checked(TABLE_OFFSET)?;
        let mut fixed = Bytes(fixed);
        if fixed.array::<4>()? != USUAL_FORM {
            return None;
        }
        let start = header.wrapping_add(4).checked_add_signed(fixed.u32()?.cast_signed() as isize)?;
        let count = fixed.u32()? as usize;
        let (entries, _) = table.as_chunks::<{ size_of::<Entry>() }>();
        let entries = entries.get(..count)?;
        if !entries.as_ptr().addr().is_multiple_of(align_of::<Entry>()) {
            return None;
        }
        // SAFETY: as many bytes, aligned, and any bits are numbers.
        let search = unsafe { slice::from_raw_parts(entries.as_ptr().cast::<Entry>(), count) };
        if start < section.module_start {
            return None;
        }
        // SAFETY: as above; `.eh_frame` lies in the module of its header, which says where it begins, and it
        // does begin there.
        let records = unsafe { bytes_between(start, section.module_end) }?;
        Some(Tables { header, search, start, records })
    }

    /// The entry that an address falls under, with its index.
    pub(super) fn entry_for(&self, address: usize) -> Option<(usize, Entry)> {
        let wanted = i32::try_from(address.cast_signed().checked_sub_unsigned(self.header)?).ok()?;
        let index = self.search.partition_point(|[start, _]| *start <= wanted).checked_sub(1)?;
        Some((index, *self.search.get(index)?))
    }

    /// The entry with this index.
    pub(super) fn entry(&self, index: usize) -> Option<Entry> {
        self.search.get(index).copied()
    }

    /// What the record that an entry leads to holds, and the one that it shares with other functions: all
    /// behind their lengths.
    pub(super) fn records(&self, entry: Entry) -> Option<[Bytes; 2]> {
        let offset = self.offset_of(entry)?;
        let own = self.record(offset)?;
        // The distance is from where it stands.
        let mut bytes = own;
        let shared = offset.checked_add(LENGTH_BYTES)?.checked_sub(bytes.u32()? as usize)?;
        Some([own, self.record(shared)?])
    }

    /// Where the record that an entry leads to lies, from the first one.
    pub(super) fn offset_of(&self, [_, record]: Entry) -> Option<usize> {
        self.header.checked_add_signed(record as isize)?.checked_sub(self.start)
    }

    /// All records, up to the module's end.
    #[cfg(any(test, feature = "properties"))]
    pub(super) fn all_records(&self) -> &'static [u8] {
        self.records
    }

    /// The function that an entry leads to.
    #[inline(never)]
    pub(super) fn function(&self, entry: Entry) -> Option<Function> {
        let [mut own, mut shared] = self.records(entry)?;
        own.u32()?;
        let kind = Kind::read(&mut shared)?;
        let start = kind.addresses.read(&mut own)?;
        let length = kind.addresses.length(&mut own)?;
        if kind.has_own_data {
            let bytes = own.unsigned()?;
            own.take(usize::try_from(bytes).ok()?)?;
        }
        Some(Function { start, end: start.checked_add(length)?, kind, shared_program: shared, program: own })
    }

    fn record(&self, offset: usize) -> Option<Bytes> {
        let mut bytes = Bytes(self.records.get(offset..)?);
        // A length of all ones means a format that nobody writes; there are never so many bytes.
        let length = bytes.u32()?;
        bytes.take(length as usize)
    }
}

/// What functions of one kind share.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Whether the kernel made the frame, or something that looks like it.
    pub(super) is_signals: bool,
    /// What one step of a location and one of an offset is.
    pub(super) code_factor: u64,
    pub(super) data_factor: i64,
    addresses: AddressForm,
    has_own_data: bool,
}

impl Kind {
    /// Reads a shared record up to its program (DWARF 5, 6.4.1, with the letters of LSB Core, 10.6.1.1.1).
    fn read(bytes: &mut Bytes) -> Option<Kind> {
        let (0, 1) = (bytes.u32()?, bytes.byte()?) else { return None };
        let letters = bytes.take(bytes.0.iter().position(|byte| *byte == 0)?)?;
        bytes.byte()?;
        let (code_factor, data_factor) = (bytes.unsigned()?, bytes.signed()?);
        if bytes.byte()? != RETURN_ADDRESS {
            return None;
        }
        let (addresses, is_signals) = (AddressForm::WHOLE, false);
        let mut kind = Kind { is_signals, code_factor, data_factor, addresses, has_own_data: false };
        let Some((first, others)) = letters.0.split_first() else { return Some(kind) };
        if *first != b'z' {
            return None;
        }
        kind.has_own_data = true;
        let length = bytes.unsigned()?;
        let mut data = bytes.take(usize::try_from(length).ok()?)?;
        for letter in others {
            match letter {
                b'R' => kind.addresses = AddressForm::of(data.byte()?)?,
                b'L' => _ = data.byte()?,
                // The language's own function, which may be named by way of a pointer to it.
                b'P' => _ = AddressForm::of(data.byte()? & !INDIRECT)?.read(&mut data)?,
                b'S' => kind.is_signals = true,
                _ => return None,
            }
        }
        Some(kind)
    }
}

const LENGTH_BYTES: usize = 4;
const RETURN_ADDRESS: u8 = 16;
const INDIRECT: u8 = 0x80;

/// How addresses are written.
#[derive(Clone, Copy)]
struct AddressForm {
    bytes: u8,
    is_signed: bool,
    /// Whether they are distances from where they stand.
    is_relative: bool,
}

impl AddressForm {
    const WHOLE: AddressForm = AddressForm { bytes: 8, is_signed: false, is_relative: false };

    /// By the encodings of LSB Core, 10.5.1.
    fn of(encoding: u8) -> Option<AddressForm> {
        let (bytes, is_signed) = match encoding & 0x0f {
            0x00 | 0x04 => (8, false),
            0x03 => (4, false),
            0x0b => (4, true),
            0x0c => (8, true),
            _ => return None,
        };
        let is_relative = match encoding & 0xf0 {
            0x00 => false,
            0x10 => true,
            _ => return None,
        };
        Some(AddressForm { bytes, is_signed, is_relative })
    }

    fn read(self, bytes: &mut Bytes) -> Option<u64> {
        let here = bytes.0.as_ptr().addr() as u64;
        let number = match (self.bytes, self.is_signed) {
            (4, true) => i64::from(bytes.u32()?.cast_signed()).cast_unsigned(),
            (4, false) => u64::from(bytes.u32()?),
            _ => u64::from_le_bytes(bytes.array()?),
        };
        Some(if self.is_relative { here.wrapping_add(number) } else { number })
    }

    /// Reads how long a range of addresses is: as large as an address, and no distance.
    fn length(self, bytes: &mut Bytes) -> Option<u64> {
        AddressForm { is_relative: false, ..self }.read(bytes)
    }
}

/// The memory from `start` to `end`, if there is any.
///
/// # Safety
/// It is readable and stays so while the walk that asked runs.
unsafe fn bytes_between(start: usize, end: usize) -> Option<&'static [u8]> {
    let count = end.checked_sub(start)?;
    // SAFETY: by this function's contract.
    Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(start), count) })
}
