//! A configuration is loaded or refused with a sentence for each mistake, whatever stands in its layers.

use std::sync::atomic::{AtomicU32, Ordering};

use ballast_config::Layers;

/// Lines that begin with `$` are variables, with `>` settings of the command line; all others are the file.
pub fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut file, mut layers) = (String::new(), Layers { data_dir: "/nowhere/data".into(), ..Layers::default() });
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix('$') {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            layers.environment.push((format!("BALLAST_{name}"), value.to_owned()));
        } else if let Some(setting) = line.strip_prefix('>') {
            layers.set.push(setting.to_owned());
        } else {
            file.push_str(line);
            file.push('\n');
        }
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 16;
    let path = std::env::temp_dir().join(format!("ballast-fuzz-{}-{number}.toml", std::process::id()));
    std::fs::write(&path, &file).expect("a file");
    layers.files.push(path.clone());
    let loaded = layers.load();
    let _ = std::fs::remove_file(&path);
    match loaded {
        Ok(loaded) => assert!(loaded.config.server.max_connections > 0 && loaded.config.lfs.part_size > 0),
        Err(mistakes) => {
            let said = mistakes.problems.to_string();
            assert!(!said.trim().is_empty(), "it was refused without a word");
        }
    }
}
