//! The builds, those first whose dependencies are the same.

use super::build::{Build, Names};

const RELEASE: Build = Build::new("release");

/// As small as a program gets.
const SMALLEST: Build = Build {
    profile: &["opt-level=\"z\"", "lto=\"fat\"", "panic=\"abort\"", "codegen-units=1", "strip=\"symbols\""],
    names: Names::None,
    ..Build::new("z, fat LTO, abort, stripped")
};

const STATIC: Build = Build {
    all_crates: &["-Ctarget-feature=+crt-static"],
    ..Build::new("static glibc, position-independent")
};

const NO_PIE: Build =
    Build { last_crate: &["-Crelocation-model=static"], ..Build::new("not position-independent") };

/// Those that differ most.
pub(crate) const SHIPPED: [Build; 3] = [NO_PIE, SMALLEST, STATIC];

/// All of them.
pub(crate) const BUILDS: [Build; 36] = [
    RELEASE,
    NO_PIE,
    Build { last_crate: &["-Clinker-features=-lld"], ..Build::new("linked by bfd") },
    Build {
        last_crate: &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=gold"],
        needs: Some("ld.gold"),
        ..Build::new("linked by gold")
    },
    Build {
        last_crate: &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=mold"],
        needs: Some("mold"),
        ..Build::new("linked by mold")
    },
    Build {
        last_crate: &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=lld"],
        needs: Some("ld.lld"),
        ..Build::new("linked by the system's lld")
    },
    Build {
        last_crate: &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=mold", "-Clink-arg=-Wl,--icf=all"],
        needs: Some("mold"),
        ..Build::new("identical functions folded")
    },
    Build { last_crate: &["-Clink-arg=-Wl,--build-id=none"], ..Build::new("without a build id") },
    Build { last_crate: &["-Clink-arg=-Wl,--build-id=sha1"], ..Build::new("with a build id") },
    Build { last_crate: &["-Clink-arg=-Wl,-z,lazy"], ..Build::new("symbols bound late") },
    Build { last_crate: &["-Clink-arg=-Wl,-z,now,-z,relro"], ..Build::new("symbols bound at once") },
    Build {
        last_crate: &["-Clink-arg=-Wl,-z,pack-relative-relocs"],
        ..Build::new("relative relocations packed")
    },
    Build { last_crate: &["-Clink-arg=-Wl,-z,separate-code"], ..Build::new("code on pages of its own") },
    Build { last_crate: &["-Clink-arg=-Wl,-z,noseparate-code"], ..Build::new("code beside constants") },
    Build { last_crate: &["-Clink-arg=-Wl,--gc-sections"], ..Build::new("unused sections dropped") },
    Build { last_crate: &["-Clink-dead-code=yes"], ..Build::new("dead code kept") },
    Build {
        last_crate: &["-Clink-arg=-Wl,--compress-debug-sections=zlib"],
        ..Build::new("compressed debug")
    },
    Build {
        last_crate: &["-Clink-arg=-Wl,--no-eh-frame-hdr"],
        has_whole_stacks: false,
        ..Build::new("without an index of unwind tables")
    },
    Build { last_crate: &["-Cprefer-dynamic"], ..Build::new("std as a shared library") },
    Build { last_crate: &["-Cforce-frame-pointers=yes"], ..Build::new("frame pointers in the program") },
    Build { last_crate: &["-Cstrip=debuginfo"], names: Names::Functions, ..Build::new("debuginfo stripped") },
    Build { last_crate: &["-Cstrip=symbols"], names: Names::None, ..Build::new("stripped") },
    Build { last_crate: &["-Csplit-debuginfo=packed"], ..Build::new("debug information in one .dwp") },
    Build { last_crate: &["-Csplit-debuginfo=unpacked"], ..Build::new("debug information in .dwo files") },
    STATIC,
    Build {
        all_crates: &["-Ctarget-feature=+crt-static"],
        last_crate: &["-Crelocation-model=static"],
        ..Build::new("static glibc")
    },
    SMALLEST,
    Build { all_crates: &["-Cforce-frame-pointers=yes"], ..Build::new("frame pointers everywhere") },
    Build { profile: &["opt-level=0"], ..Build::new("opt-level 0") },
    Build { profile: &["opt-level=1"], ..Build::new("opt-level 1") },
    Build { profile: &["lto=\"fat\"", "codegen-units=1"], ..Build::new("fat LTO, one codegen unit") },
    Build { profile: &["lto=\"thin\""], ..Build::new("thin LTO") },
    Build { profile: &["panic=\"abort\""], ..Build::new("abort on panic") },
    Build {
        profile: &["panic=\"abort\""],
        all_crates: &["-Cforce-unwind-tables=no"],
        ..Build::new("abort, no unwind tables asked for")
    },
    Build { profile: &["debug=\"none\""], names: Names::Functions, ..Build::new("no debug information") },
    Build { target: "x86_64-unknown-linux-musl", ..Build::new("static musl") },
];
