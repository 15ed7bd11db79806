//! Times the hot parts: `cargo bench --package bursar-pure`. Tests run each of them once.

use bursar_pure::{PARTS, Part};

fn main() {
    divan::main();
}

#[divan::bench(args = PARTS)]
fn pure(bencher: divan::Bencher<'_, '_>, part: &Part) {
    bencher.bench_local((part.prepare)());
}
