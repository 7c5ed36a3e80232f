//! As `traced`, with code that is linked and not run: built with full debug information it is a
//! binary of more than 80 MB, in which names take their time to find.

use std::hint::black_box;
use std::process::ExitCode;

use alloc_tracer::AllocTracer;
use syn::fold::Fold;
use syn::visit_mut::VisitMut;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

struct Nothing;

impl Fold for Nothing {}
impl VisitMut for Nothing {}

fn main() -> ExitCode {
    if black_box(false) {
        link(std::env::args().next().as_deref().unwrap_or_default());
    }
    bench_workloads::run(bench_workloads::traced::write_profile)
}

/// A compiler, regular expressions, and all that syn can do with a tree.
fn link(text: &str) {
    let isa = cranelift_codegen::isa::lookup_by_name(text).and_then(|builder| {
        let flags = cranelift_codegen::settings::builder();
        builder
            .finish(cranelift_codegen::settings::Flags::new(flags))
            .map_err(|_| cranelift_codegen::isa::LookupError::Unsupported)
    });
    if let Ok(isa) = isa {
        let mut context = cranelift_codegen::Context::new();
        let code = context.compile(&*isa, &mut Default::default());
        println!("{}", code.is_ok());
    }
    println!("{:?}", regex::Regex::new(text).map(|pattern| pattern.is_match(text)));
    if let Ok(mut tree) = syn::parse_file(text) {
        Nothing.visit_file_mut(&mut tree);
        println!("{:?}", Nothing.fold_file(tree));
    }
}
