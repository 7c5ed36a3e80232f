//! The program and the shared libraries in this process, with the build ids that tie a file of
//! addresses to its binaries. Broken by: `tests/without_symbols.rs`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::slice;

use super::std::ffi::OsStr;
use super::std::os::unix::ffi::OsStrExt;
use super::std::path::PathBuf;
use super::std::prelude::rust_2024::*;
use super::std::{env, fmt::Write};

/// A program or shared library in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModule {
    /// First address of its code.
    pub start: u64,
    /// First address after its code.
    pub limit: u64,
    /// Offset of `start` in its file, in bytes.
    pub file_offset: u64,
    /// Its file; empty for the kernel's own.
    pub path: PathBuf,
    /// The linker's build id in lower-case hexadecimal, or empty.
    pub build_id: String,
}

/// All modules, the program first. Takes the dynamic linker's lock.
pub(crate) fn loaded() -> Vec<LoadedModule> {
    let mut modules: Vec<LoadedModule> = Vec::new();
    // SAFETY: the callback matches the prototype and gets back the vector that is passed here.
    unsafe { libc::dl_iterate_phdr(Some(add_module), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn add_module(info: *mut libc::dl_phdr_info, _: usize, modules: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr lends a valid description, and `modules` is what `loaded` passed.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<LoadedModule>>()) };
    // SAFETY: pointer and count describe the module's program headers.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let bias = info.dlpi_addr;
    // SAFETY: the notes of a loaded module are readable at their address in memory.
    let build_id = unsafe { build_id(headers, bias) };
    for header in headers {
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
            let start = bias.wrapping_add(header.p_vaddr);
            modules.push(LoadedModule {
                start,
                limit: start.wrapping_add(header.p_memsz),
                file_offset: header.p_offset,
                path: path_of(info, modules.is_empty()),
                build_id: build_id.clone(),
            });
        }
    }
    0
}

fn path_of(info: &libc::dl_phdr_info, is_program: bool) -> PathBuf {
    if is_program {
        return env::current_exe().unwrap_or_else(|_| path_at_start());
    }
    if info.dlpi_name.is_null() {
        return PathBuf::new();
    }
    // SAFETY: a name that is not null is a C string for the duration of the callback.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) };
    PathBuf::from(OsStr::from_bytes(name.to_bytes()))
}

/// The path that the program was started by: all there is without `/proc`.
fn path_at_start() -> PathBuf {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const c_char;
    if path.is_null() {
        return PathBuf::new();
    }
    // SAFETY: AT_EXECFN is the address of a C string that stays for the life of the process (getauxval(3)).
    let path = unsafe { CStr::from_ptr(path) };
    PathBuf::from(OsStr::from_bytes(path.to_bytes()))
}

/// The GNU build id in the module's notes.
///
/// # Safety
/// The headers describe a module that is loaded at `bias`.
unsafe fn build_id(headers: &[libc::Elf64_Phdr], bias: u64) -> String {
    const GNU_BUILD_ID: u32 = 3;
    for header in headers.iter().filter(|header| header.p_type == libc::PT_NOTE) {
        let start = core::ptr::with_exposed_provenance::<u8>(bias.wrapping_add(header.p_vaddr) as usize);
        // SAFETY: by this function's contract the segment is mapped with this size.
        let mut notes = unsafe { slice::from_raw_parts(start, header.p_memsz as usize) };
        while let Some((fixed, rest)) = notes.split_first_chunk::<12>() {
            let word =
                |at: usize| u32::from_ne_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
            let (name_bytes, text_bytes) = (word(0) as usize, word(4) as usize);
            let name_end = name_bytes.next_multiple_of(4);
            let (Some(name), Some(text)) =
                (rest.get(..name_bytes), rest.get(name_end..name_end.saturating_add(text_bytes)))
            else {
                break;
            };
            if word(8) == GNU_BUILD_ID && name == b"GNU\0" {
                return text.iter().fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
            }
            notes = rest.get(name_end + text_bytes.next_multiple_of(4)..).unwrap_or_default();
        }
    }
    String::new()
}
