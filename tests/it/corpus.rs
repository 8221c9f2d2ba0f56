//! What the fuzz targets hold against made-up inputs, held against those that are kept, and against mutations of them.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod properties;

use properties::{PROPERTIES, Property};

use super::hostile::mutate;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
const MUTATIONS: usize = 20;

/// The kept inputs of a fuzz target, in the order of their names.
fn kept(property: &Property) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(CORPUS).join(property.name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|item| item.expect("a file").path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{} holds only {} inputs", folder.display(), files.len());
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// Where the property does not hold, the input is named besides.
fn hold(property: &Property, input: &[u8], name: &str) {
    let held = catch_unwind(AssertUnwindSafe(|| (property.check)(input)));
    assert!(held.is_ok(), "{}: {name}: {:?}", property.name, String::from_utf8_lossy(input));
}

fn hold_for_all_kept(property: &Property) {
    for (seed, (path, input)) in (0..).zip(kept(property)) {
        hold(property, &input, &path.display().to_string());
        let mut random = fastrand::Rng::with_seed(seed);
        for number in 0..MUTATIONS {
            let mut mutation = input.clone();
            mutate(&mut mutation, &mut random);
            hold(property, &mutation, &format!("mutation {number} of {}", path.display()));
        }
    }
}

/// One test for each property, so that they run side by side.
macro_rules! properties {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            hold_for_all_kept(PROPERTIES.iter().find(|p| p.name == stringify!($name)).expect("a property"));
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

properties! { cav configuration cti frames reply request url }

/// The fuzz package is not built here, so its targets are read: each hands its input to the property of its name.
#[test]
fn every_property_has_a_target_a_corpus_and_a_test() {
    let fuzz = Path::new(CORPUS).with_file_name("");
    let names = |folder: &str| -> BTreeSet<String> {
        let items = fs::read_dir(fuzz.join(folder)).expect("a folder");
        let stem = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        items.map(|item| stem(item.expect("a file").path())).collect()
    };
    let all: BTreeSet<_> = PROPERTIES.iter().map(|property| property.name.to_owned()).collect();
    assert_eq!(names("corpus"), all);
    assert_eq!(names("fuzz_targets"), all);
    assert_eq!(TESTED.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for name in all {
        let target = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        let calls = format!("fuzz_target!(|bytes: &[u8]| corecast_fuzz::{name}::check(bytes));");
        assert!(
            target.contains(&calls) && manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
    }
}
