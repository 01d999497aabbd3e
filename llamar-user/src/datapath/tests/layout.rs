//! Objects and pins that are not as this version makes them.

use llamar_common::abi::{COUNTERS_MAX, marks};

use super::*;

#[test]
fn a_pinned_map_of_another_layout_is_an_error_and_stays() {
    on_ground(|ground| {
        std::fs::create_dir_all(ground.pins()).unwrap();
        let other = aya::maps::HashMap::<_, u32, u64>::create(16, 0).unwrap();
        other.pin(ground.pins().join(map::ARP)).unwrap();
        let lock = ground.instance().lock().unwrap();
        let Err(error) = Datapath::open(&lock, 100, ground.object) else {
            panic!("opened a map of another layout");
        };
        assert!(
            matches!(error, DatapathError::OtherLayout { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("keys of 4 and values of 8 bytes") && text.contains("llamar detach"),
            "{text}"
        );
        assert_eq!(files(&ground.pins()), [map::ARP]);
        drop(lock);
        assert_eq!(detach_all(&ground.instance()).unwrap().pins, 1);
        assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
    });
}

#[test]
fn a_pinned_index_without_a_bucket_to_use_is_of_another_layout() {
    on_ground(|ground| {
        std::fs::create_dir_all(ground.pins()).unwrap();
        for name in [map::INDEX, map::INDEX6] {
            let pin = ground.pins().join(name);
            for (buckets, is_fit) in [(1, false), (2, true)] {
                bpf::Map::create(name, marked::shape(buckets), &pin).unwrap();
                let examined = Pins::of(&ground.instance()).examine();
                assert_eq!(examined.is_ok(), is_fit, "{buckets} buckets");
                if let Err(error) = examined {
                    assert!(
                        matches!(error, DatapathError::OtherLayout { .. }),
                        "{error:?}"
                    );
                }
                std::fs::remove_file(&pin).unwrap();
            }
        }
    });
}

#[test]
fn an_object_that_does_not_load_leaves_nothing_behind() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        assert!(Datapath::open(&lock, 100, b"\x7fELF but not much more").is_err());
        assert!(Datapath::open(&lock, 0, ground.object).is_err());
        assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
    });
}

/// Why an object is refused, with nothing left behind.
#[track_caller]
fn refused(ground: &Ground, object: &[u8]) -> String {
    let lock = ground.instance().lock().unwrap();
    let Err(error) = Datapath::open(&lock, 100, object) else {
        panic!("an object of another layout was loaded");
    };
    assert!(matches!(error, DatapathError::OtherObject(_)), "{error:?}");
    assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
    let text = error.to_string();
    assert!(text.contains("cargo xtask build"), "{text}");
    text
}

#[test]
fn an_object_without_a_place_for_the_index_is_refused_before_it_is_loaded() {
    on_ground(|ground| {
        for mark in [marks::INDEX, marks::INDEX6, marks::INDEX_LAST] {
            let mut object = ground.object.to_vec();
            assert_ne!(
                marks::write(&mut object, mark, marks::Written::Number(0)),
                0
            );
            let text = refused(ground, &object);
            let wanted = format!("the index of layout {LAYOUT_VERSION}");
            assert!(text.contains(&wanted), "{text}");
        }
    });
}

#[test]
fn an_object_whose_map_has_another_name_is_refused() {
    on_ground(|ground| {
        let mut object = ground.object.to_vec();
        let (from, to) = (map::COUNTERS.as_bytes(), b"another_counter");
        while let Some(at) = object.windows(from.len()).position(|text| text == from) {
            object[at..at + to.len()].copy_from_slice(to);
        }
        let text = refused(ground, &object);
        assert!(text.contains("it has no llamar_counters"), "{text}");
    });
}

#[test]
fn an_object_whose_map_has_another_shape_is_refused() {
    on_ground(|ground| {
        let object = with_another_array(ground.object, COUNTERS_MAX, COUNTERS_MAX + 1);
        let text = refused(ground, &object);
        let [made, wanted] =
            [COUNTERS_MAX + 1, COUNTERS_MAX].map(|count| format!("{count} entries"));
        let words = [
            "its llamar_counters is",
            &made,
            "the program wants",
            &wanted,
        ];
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    });
}

/// The object with an array of another length in its type information, which is how maps declare their capacity.
fn with_another_array(object: &[u8], from: u32, to: u32) -> Vec<u8> {
    // struct btf_type of kind BTF_KIND_ARRAY without name and size, then struct btf_array: two types and the length.
    let head = [0, 3 << 24, 0].map(u32::to_le_bytes).concat();
    let is_array = |text: &&[u8]| text.starts_with(&head) && text.ends_with(&from.to_le_bytes());
    let mut found = object
        .windows(24)
        .enumerate()
        .filter(|(_, text)| is_array(text));
    let (at, _) = found.next().expect("such an array");
    assert!(found.next().is_none(), "which of them?");
    let mut object = object.to_vec();
    object[at + 20..at + 24].copy_from_slice(&to.to_le_bytes());
    object
}

#[test]
fn what_an_agent_of_another_layout_has_left_goes_when_the_new_path_is_there_and_not_before() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        path.attach(&va, XdpMode::Auto).unwrap();
        let before = running(va.index).unwrap().unwrap().id;
        drop(path);
        let other = ground.bpffs().join("llamar/test/v0");
        std::fs::rename(ground.pins(), &other).unwrap();

        assert!(Datapath::open(&lock, 100, b"no object").is_err());
        assert!(!files(&other).is_empty());
        assert_eq!(running(va.index).unwrap().unwrap().id, before);

        let mut path = ground.open(&lock);
        assert_eq!(path.warnings(), [UPGRADED]);
        assert!(!other.exists());
        assert!(running(va.index).unwrap().is_none());
        path.attach(&va, XdpMode::Auto).unwrap();
        assert_ne!(running(va.index).unwrap().unwrap().id, before);
        drop(path);
        assert!(ground.open(&lock).warnings().is_empty());
    });
}
