//! Every operation has an example in its documentation, which the compiler checks.

use std::path::Path;

#[test]
fn every_operation_has_an_example() {
    let (mut operations, mut without) = (0, Vec::new());
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub async fn")) {
                operations += 1;
                let mut above = lines[..index].iter().rev().take_while(|line| line.starts_with("///"));
                if !above.any(|line| line.contains("```")) {
                    without.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert!(operations > 25, "the sources are where they are looked for: {operations}");
    assert!(without.is_empty(), "{without:#?}");
}
