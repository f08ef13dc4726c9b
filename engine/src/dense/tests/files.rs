//! Segment files: the same bytes from the same rows, damage and contradictions,
//! and what is refused before anything is written.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::*;

#[test]
fn building_again_or_on_other_threads_gives_the_same_bytes() {
    let (n, dim) = (3_000, 40);
    let values = clustered(n, dim, 10);
    let dir = tempfile::tempdir().unwrap();
    let build = |name: &str, threads: usize, params: &GraphParams| {
        let path = dir.path().join(name);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let rows = encoded(VectorStorage::F32, dim, &ascending(n), &values);
        pool.install(|| write_segment(&path, &rows, params)).unwrap();
        std::fs::read(path).unwrap()
    };
    let params = always_graph();
    let first = build("a", 1, &params);
    assert_eq!(first, build("b", 1, &params), "again");
    assert_eq!(first, build("c", 2, &params), "on two threads");
    assert_ne!(first, build("d", 1, &GraphParams { seed: 2, ..params }), "the seed has no effect");
}

#[test]
fn no_cut_and_no_flipped_bit_is_answered_wrongly() {
    let (n, dim) = (24, 3);
    let mut values = clustered(n, dim, 11);
    values.copy_within(0..dim, 3 * dim);
    let (dir, whole) = segment(dim, &ascending(n), &values, &always_graph());
    let queries = clustered(2, dim, 12);
    let allowed = set(ascending(n));
    let answers = |segment: &VectorSegment| -> Vec<RankedList> {
        let query = |values| Query::new(values, (dim, dim)).unwrap();
        queries
            .chunks_exact(dim)
            .flat_map(|values| {
                let query = query(values);
                let exact = SegmentQuery {
                    how: VectorSearch::Exact,
                    ..asked(segment, &query, 8, &allowed)
                };
                let Found::Scored(scan) = segment.search(&exact) else {
                    panic!("an exact search is no walk")
                };
                let walk = segment.has_graph().then(|| walk(segment, values, 8, &allowed, 8));
                [Some(RankedList::from_scored(scan)), walk].into_iter().flatten()
            })
            .collect()
    };
    let expected = answers(&whole);
    drop(whole);
    let path = dir.path().join("a.vec");
    let bytes = std::fs::read(&path).unwrap();
    let check = |what: &str| {
        if let Ok(segment) = VectorSegment::open(&path, dim) {
            // Without checksums any answer may come, but one must come.
            let found = answers(&segment);
            if segment.verify().is_ok() {
                assert_eq!(found, expected, "{what}");
            }
        }
    };
    // In place, byte by byte: thousands of fresh files take minutes on some disks.
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for bit in 0..bytes.len() * 8 {
        let at = bit / 8;
        put(at, bytes[at] ^ (1 << (bit % 8)));
        check(&format!("bit {bit}"));
        put(at, bytes[at]);
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    for len in (0..bytes.len()).rev() {
        file.set_len(len as u64).unwrap();
        check(&format!("cut at {len}"));
    }
}

/// A segment file of two rows whose sections are then changed one at a time.
fn forged(path: &Path, change: impl Fn(u32, &mut Vec<u32>)) -> Result<VectorSegment, DenseError> {
    use crate::segment_file::{Section, SegmentKind, write};
    let none = u32::MAX;
    let bits = |x: f32| x.to_bits();
    let mut sections = [
        (1, vec![1, 2, 0, 4, 0, 1]),
        (2, vec![10, 20]),
        (3, vec![bits(1.0), bits(-1.0)]),
        (5, vec![bits(1.0 / 127.0); 2]),
        (6, vec![none; 2]),
        (7, [vec![1], vec![none; 7], vec![0], vec![none; 7]].concat()),
        (8, vec![0]),
        (9, vec![none; 4]),
    ];
    for (id, values) in &mut sections {
        change(*id, values);
    }
    let codes = Section { id: 4, bytes: &[127, 129] };
    let sections: Vec<_> = sections
        .iter()
        .map(|(id, values)| Section { id: *id, bytes: bytemuck::cast_slice(values) })
        .chain([codes])
        .collect();
    let _ = std::fs::remove_file(path);
    write(path, SegmentKind::Vectors, &sections).unwrap();
    VectorSegment::open(path, 1)
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.vec");
    let honest = forged(&path, |_, _| {}).unwrap();
    assert_eq!(walk(&honest, &[1.0], 2, &set([10, 20]), 2).ords(), [10, 20].map(ChunkOrd));
    drop(honest);
    // Section, position, value that cannot be.
    for (id, at, value) in [
        (1, 1, 3),                  // more rows than chunks
        (1, 2, 4),                  // a form that there is not
        (1, 2, 3),                  // a graph over signs
        (1, 3, 3),                  // fewer link slots than allowed
        (1, 3, 65),                 // more
        (1, 4, 1),                  // an entry point below the top layer
        (1, 4, 2),                  // and one outside
        (1, 5, 2),                  // a layer larger than its rows
        (1, 5, 0),                  // an empty layer
        (2, 1, 10),                 // a chunk twice
        (5, 0, f32::NAN.to_bits()), // scales
        (5, 0, 1.0_f32.to_bits()),
        (5, 1, 0),
        (6, 0, 0), // a row that is its own twin
        (6, 1, 0), // a twin before it
        (6, 1, 2), // and one outside
        (7, 0, 2), // links
        (7, 15, u32::MAX - 1),
        (8, 0, 2), // a layer's row outside
        (9, 3, 1), // a link out of its layer
    ] {
        let opened = forged(&path, |section, values| {
            if section == id {
                values[at] = value;
            }
        });
        assert!(matches!(opened, Err(DenseError::Segment(_))), "section {id}[{at}] = {value}");
    }
    for id in [1, 2, 3, 5, 6, 7, 8, 9] {
        let shorter = forged(&path, |section, values| {
            if section == id {
                values.pop();
            }
        });
        assert!(matches!(shorter, Err(DenseError::Segment(_))), "section {id} cut");
    }
    forged(&path, |_, _| {}).unwrap();
    let other = VectorSegment::open(&path, 2).unwrap_err();
    assert!(matches!(other, DenseError::Dimension { found: 1, expected: 2 }));
}

#[test]
fn vectors_without_meaning_are_refused() {
    let write = |dim, ords: &[u32], values: &[f32]| {
        let mut rows = EncodedRows::new(VectorLayout::default(), dim)?;
        ords.iter().zip(values.chunks(dim)).try_for_each(|(&ord, row)| rows.push(ord, row))
    };
    let chunk = |ord| VectorName::Chunk(ChunkOrd(ord));
    for value in [f32::NAN, f32::INFINITY] {
        let refused = write(2, &[4, 9], &[1.0, 0.0, 0.0, value]).unwrap_err();
        assert!(
            matches!(refused, DenseError::NonFinite { vector, component: 1, .. } if vector == chunk(9))
        );
    }
    let refused = write(2, &[4, 9], &[1.0, 0.0, 0.0, 0.0]).unwrap_err();
    assert!(matches!(refused, DenseError::Norm { vector, norm: 0.0 } if vector == chunk(9)));
    assert!(matches!(write(2, &[4], &[1.0, 0.1]), Err(DenseError::Norm { .. })));
    assert!(matches!(
        write(2, &[4, 4], &[1.0, 0.0, 1.0, 0.0]),
        Err(DenseError::Order { row: 1, ord: 4, previous: 4 })
    ));
    assert!(matches!(write(2, &[4], &[1.0]), Err(DenseError::Dimension { found: 1, expected: 2 })));
    assert!(matches!(write(0, &[], &[]), Err(DenseError::DimensionRange { dim: 0, .. })));
    assert!(matches!(write(70_000, &[], &[]), Err(DenseError::DimensionRange { .. })));

    let index = VectorIndex::new((2, 2), Vec::new());
    let search = |query: &[f32]| index.search(query, 5, &OrdSet::new(1), VectorSearch::Auto);
    assert!(search(&[1.0, 0.0]).unwrap().is_empty());
    assert!(matches!(search(&[1.0]), Err(DenseError::Dimension { found: 1, expected: 2 })));
    let refused = search(&[f32::NAN, 1.0]).unwrap_err().to_string();
    assert!(refused.starts_with("query vector: component 0 is NaN"), "{refused}");
    assert!(matches!(search(&[2.0, 0.0]), Err(DenseError::Norm { norm: 2.0, .. })));
}

#[test]
fn graph_parameters_have_ranges() {
    GraphParams::default().validate().unwrap();
    for (params, name) in [
        (GraphParams { m: 3, ..GraphParams::default() }, "m"),
        (GraphParams { m: 65, ..GraphParams::default() }, "m"),
        (GraphParams { ef_construction: 7, ..GraphParams::default() }, "ef_construction"),
    ] {
        let refused = params.validate().unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
    }
}
