//! Runs one part to have its instructions counted: `bursar-pure NAME`, or names all of them. `cargo xtask instructions`
//! runs this under callgrind; it knows the name of [`counted_by_callgrind`] and what is printed.

use bursar_pure::{PARTS, Run};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        PARTS.iter().for_each(|part| println!("{part}"));
        return ExitCode::SUCCESS;
    };
    let Some(part) = PARTS.iter().find(|part| part.name == name) else {
        eprintln!("error: there is no part `{name}`");
        return ExitCode::FAILURE;
    };
    let mut run = (part.prepare)();
    // Tables that are made at first use, and memory that the allocator has got by then, are no part of it.
    run();
    counted_by_callgrind(&mut run);
    // Only here is it known which processor callgrind shows to those who ask.
    println!("{}", processor());
    ExitCode::SUCCESS
}

/// Callgrind counts while this runs.
#[inline(never)]
fn counted_by_callgrind(run: &mut Run) {
    black_box(run)();
}

/// What the processor can do of that by which signatures and digests choose their code while they run.
#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let able = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
        ("sha", std::arch::is_x86_feature_detected!("sha")),
        ("avx512ifma", std::arch::is_x86_feature_detected!("avx512ifma")),
    ];
    able.iter().filter(|(_, able)| *able).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// The same; elsewhere nobody asks.
#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    "any".to_owned()
}
