//! The address of a C function that the program may contain or not. Names no function.
//! Broken by: `tests/process_memory/`.

/// The function's address in this program, 0 if it has none. The reference is a weak one: it pulls
/// nothing into the program and needs no dependency, and what is linked in any case is found. (`dlsym` sees
/// no functions of a static library.) It has a name of its own: `.weak` would make the program's own references in
/// the same object weak as well, which with LTO is all of the program.
macro_rules! optional_symbol {
    ($name:literal) => {{
        #[cfg(target_arch = "x86_64")]
        {
            let address: usize;
            // SAFETY: reads the linker's entry for the symbol, which is 0 where there is none; changes
            // nothing but the register.
            unsafe {
                core::arch::asm!(
                    concat!(".weakref alloc_tracer_", $name, ", ", $name),
                    concat!("mov {}, qword ptr [rip + alloc_tracer_", $name, "@GOTPCREL]"),
                    out(reg) address,
                    options(pure, readonly, nostack, preserves_flags)
                );
            }
            address
        }
        #[cfg(not(target_arch = "x86_64"))]
        0_usize
    }};
}

pub(super) use optional_symbol;
