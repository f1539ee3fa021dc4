//! Known vectors, and a second implementation (`tlog_tiles`, `signed_note`) as judge over everything else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use signed_note::{Note as OracleNote, StandardVerifier, VerifierList};
use tlog_tiles::tlog::{self as oracle, HashReader};

use crate::{
    Checkpoint, Hash, LogSigner, LogVerifier, Note, NoteError, TileCoordinates, TileKind, Tree, leaf_hash,
    prove_consistency, prove_inclusion, push_entry, split_bundle, subtree_hash, tiles_of, verify_consistency,
    verify_inclusion,
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The leaves and roots that Certificate Transparency implementations share as test vectors for RFC 6962.
#[test]
fn roots_are_those_of_rfc_6962() {
    let vectors = [
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (
            "606162636465666768696a6b6c6d6e6f",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];
    let mut tree = Tree::new();
    assert_eq!(
        tree.root().0.to_vec(),
        hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    for (leaf, root) in vectors {
        tree.push(leaf_hash(&hex(leaf)), |_, _| ());
        assert_eq!(tree.root().0.to_vec(), hex(root), "{leaf}");
    }
}

/// The hashes of a tree, in the order in which `tlog_tiles` stores them.
#[derive(Default)]
struct Stored(Vec<oracle::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<oracle::Hash>, oracle::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

struct Both {
    ours: Tree,
    theirs: Stored,
    /// Full tiles as they were handed out.
    tiles: BTreeMap<TileCoordinates, Vec<Hash>>,
}

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

fn grow(size: u64) -> Both {
    let mut both = Both { ours: Tree::new(), theirs: Stored::default(), tiles: BTreeMap::new() };
    for number in 0..size {
        let stored = oracle::stored_hashes(number, &entry(number), &both.theirs).unwrap();
        both.theirs.0.extend(stored);
        both.ours
            .push(leaf_hash(&entry(number)), |tile, hashes| drop(both.tiles.insert(tile, hashes.to_vec())));
    }
    both
}

impl Both {
    fn root(&self, size: u64) -> oracle::Hash {
        oracle::tree_hash(size, &self.theirs).unwrap()
    }

    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let at = oracle::stored_hash_index(level as u8, index);
        self.theirs.0.get(at as usize).map(|hash| Hash(hash.0))
    }
}

#[test]
fn roots_and_tiles_are_those_of_the_oracle() {
    for size in [0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 1024] {
        let both = grow(size);
        assert_eq!(both.ours.root().0, both.root(size).0, "{size}");
        let theirs = oracle_tiles(size);
        let ours: Vec<_> = tiles_of(size).collect();
        let mut paths: Vec<_> = ours.iter().map(ToString::to_string).collect();
        paths.sort();
        assert_eq!(paths, theirs, "{size}");
        for tile in ours {
            assert_eq!(TileCoordinates::parse(&tile.to_string()), Some(tile));
            let TileKind::Hashes { level } = tile.kind else { continue };
            let hashes = both.tiles.get(&tile).map_or(both.ours.edge(level), Vec::as_slice);
            let judge = tlog_tiles::Tile::new(8, level, tile.index, tile.width as u32, false);
            let expected = judge.read_data(&both.theirs).unwrap();
            assert_eq!(hashes.iter().flat_map(|hash| hash.0).collect::<Vec<_>>(), expected, "{tile}");
        }
        let edge = (0..8).map(|level| both.ours.edge(level).to_vec()).collect();
        let reopened = Tree::from_edge(size, edge).unwrap();
        assert_eq!(reopened.root(), both.ours.root());
    }
}

/// The oracle names the tiles of Go's checksum database, which have their height in the path and call entries data.
fn oracle_tiles(size: u64) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for mut tile in tlog_tiles::Tile::new_tiles(8, 0, size) {
        paths.push(tile.path().replacen("tile/8/", "tile/", 1));
        if tile.level() == 0 {
            tile.set_is_data();
            paths.push(tile.path().replacen("tile/8/data/", "tile/entries/", 1));
        }
    }
    paths.sort();
    paths
}

#[test]
fn paths_are_those_of_the_specification() {
    fn check(kind: TileKind, index: u64, width: u64, expected: &str) {
        let tile = TileCoordinates { kind, index, width };
        assert_eq!(tile.to_string(), expected);
        assert_eq!(TileCoordinates::parse(expected), Some(tile));
    }
    check(TileKind::Hashes { level: 0 }, 1_234_067, 256, "tile/0/x001/x234/067");
    check(TileKind::Hashes { level: 2 }, 0, 17, "tile/2/000.p/17");
    check(TileKind::Entries, 999, 256, "tile/entries/999");
    check(TileKind::Entries, 1000, 1, "tile/entries/x001/000.p/1");
    check(TileKind::Entries, 1_000_000, 1, "tile/entries/x001/x000/000.p/1");
    for bad in
        ["tile/0/1", "tile/0/0001", "tile/00/001", "tile/0/x000/001", "tile/0/001.p/256", "tile/0/001.p/0x"]
    {
        assert_eq!(TileCoordinates::parse(bad), None, "{bad}");
    }
}

#[test]
fn bundles_split_into_what_was_pushed() {
    let entries: [&[u8]; 3] = [b"one", b"", &[b'x'; 65_535]];
    let mut bundle = Vec::new();
    for entry in entries {
        push_entry(&mut bundle, entry).unwrap();
    }
    assert_eq!(split_bundle(&bundle).unwrap(), entries);
    assert!(push_entry(&mut bundle, &[0; 65_536]).is_err());
    assert!(split_bundle(&bundle[..bundle.len() - 1]).is_err());
    assert!(split_bundle(&[0]).is_err());
    assert_eq!(&bundle[..5], b"\0\x03one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_agree_with_the_oracle(size in 1_u64..600, a in any::<u64>(), b in any::<u64>()) {
        let both = grow(size);
        let mut node = |level, index| both.node(level, index);
        let (root, index) = (both.root(size), a % size);
        let leaf = leaf_hash(&entry(index));

        let path = prove_inclusion(index, size, &mut node).unwrap();
        let judged: Vec<_> = path.iter().map(|hash| oracle::Hash(hash.0)).collect();
        prop_assert_eq!(&judged, &oracle::prove_record(size, index, &both.theirs).unwrap());
        prop_assert!(verify_inclusion(&path, index, &leaf, size, &Hash(root.0)));
        prop_assert!(!verify_inclusion(&path, index, &leaf_hash(b"other"), size, &Hash(root.0)));
        prop_assert!(!verify_inclusion(&path, size, &leaf, size, &Hash(root.0)));
        if size > 1 {
            prop_assert!(!verify_inclusion(&path[1..], index, &leaf, size, &Hash(root.0)));
            prop_assert!(!verify_inclusion(&path, (index + 1) % size, &leaf, size, &Hash(root.0)));
        }

        let old = 1 + b % size;
        let proof = prove_consistency(old, size, &mut node).unwrap();
        let judged: Vec<_> = proof.iter().map(|hash| oracle::Hash(hash.0)).collect();
        prop_assert_eq!(&judged, &oracle::prove_tree(size, old, &both.theirs).unwrap());
        let (old_root, root) = (Hash(both.root(old).0), Hash(root.0));
        prop_assert!(verify_consistency(&proof, old, &old_root, size, &root));
        prop_assert!(!verify_consistency(&proof, old, &leaf_hash(b"other"), size, &root));
        prop_assert!(!verify_consistency(&proof, old, &old_root, size, &leaf_hash(b"other")));
    }

    #[test]
    fn a_tile_stands_for_its_subtree(count in 1_usize..300) {
        let leaves: Vec<_> = (0..count as u64).map(|number| leaf_hash(&entry(number))).collect();
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(*leaf, |_, _| ()));
        prop_assert_eq!(subtree_hash(&leaves), tree.root());
    }
}

fn signed() -> (String, LogVerifier) {
    let signer = LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap();
    let checkpoint = Checkpoint { origin: signer.name().to_owned(), size: 42, root: leaf_hash(b"x") };
    (signer.sign(&checkpoint.to_string()).unwrap(), signer.verifier())
}

#[test]
fn the_oracle_accepts_our_notes_and_checkpoints() {
    let (note, verifier) = signed();
    let theirs = OracleNote::from_bytes(note.as_bytes()).unwrap();
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&verifier.to_string()).unwrap())]);
    let (verified, unknown) = theirs.verify(&known).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("schleuse.example/audit", 42));
    assert_eq!(checkpoint.hash().0, leaf_hash(b"x").0);
}

#[test]
fn every_changed_bit_of_a_note_or_key_is_noticed() {
    let (note, verifier) = signed();
    let accepts = |key: &LogVerifier, bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        Note::parse(text).is_ok_and(|note| key.verify(&note).is_ok() && Checkpoint::parse(note.text).is_ok())
    };
    assert!(accepts(&verifier, note.as_bytes()));
    for place in 0..note.len() * 8 {
        let mut changed = note.clone().into_bytes();
        changed[place / 8] ^= 1 << (place % 8);
        assert!(!accepts(&verifier, &changed), "bit {place}");
    }
    let vkey = verifier.to_string();
    assert_eq!(LogVerifier::parse(&vkey), Ok(verifier));
    for place in 0..vkey.len() * 8 {
        let mut changed = vkey.clone().into_bytes();
        changed[place / 8] ^= 1 << (place % 8);
        let Ok(changed) = std::str::from_utf8(&changed) else { continue };
        let accepted = LogVerifier::parse(changed).is_ok_and(|key| accepts(&key, note.as_bytes()));
        assert!(!accepted, "bit {place}");
    }
}

#[test]
fn notes_are_judged_by_the_right_key() {
    let (note, verifier) = signed();
    let parsed = Note::parse(&note).unwrap();
    assert_eq!(verifier.verify(&parsed), Ok(()));
    let same_name = LogSigner::new("schleuse.example/audit", &[8; 32]).unwrap().verifier();
    assert_eq!(same_name.verify(&parsed), Err(NoteError::Unsigned));
    for bad in
        ["", "text", "text\n\n", "text\n\n— name\n", "text\n\n— name AAAA\n", "te\txt\n\n— name AAAAAAAA\n"]
    {
        assert_eq!(Note::parse(bad), Err(NoteError::Note), "{bad:?}");
    }
    for bad in ["", "a b", "a+b", "a\u{a0}b", "a\u{7f}"] {
        assert!(LogSigner::new(bad, &[0; 32]).is_err(), "{bad:?}");
    }
}
