//! A growing tree that remembers only its right edge.

use crate::hash::{node_hash, subtree_hash};
use crate::tile::TILE_WIDTH;
use crate::{Hash, TileCoordinates, TileKind};

/// The partial tiles of every level; enough to grow and to compute the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// `edge[level]` holds the hashes of that level's last, partial tile: 0 to 255 of them.
    edge: Vec<Vec<Hash>>,
}

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree from its partial tiles, lowest level first; `None` when their widths do not fit the size.
    pub fn from_edge(size: u64, edge: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = (0..8_u8).all(|level| {
            let held = edge.get(usize::from(level)).map_or(0, Vec::len);
            u64::try_from(held).ok() == Some(crate::widths_at(level, size).1)
        });
        (fits && edge.len() <= 8).then_some(Self { size, edge })
    }

    /// How many entries it holds.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The last, partial tile of `level`; empty when that level ends with a full one.
    pub fn edge(&self, level: u8) -> &[Hash] {
        self.edge.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf, and hands every tile that this fills to `filled`.
    pub fn push(&mut self, leaf: Hash, mut filled: impl FnMut(TileCoordinates, &[Hash])) {
        self.size += 1;
        let (mut carry, mut level, mut nodes) = (leaf, 0_u8, self.size);
        loop {
            if self.edge.len() <= usize::from(level) {
                self.edge.push(Vec::new());
            }
            let Some(tile) = self.edge.get_mut(usize::from(level)) else { return };
            tile.push(carry);
            if nodes % TILE_WIDTH != 0 {
                return;
            }
            let index = nodes / TILE_WIDTH - 1;
            filled(TileCoordinates { kind: TileKind::Hashes { level }, index, width: TILE_WIDTH }, tile);
            carry = subtree_hash(tile);
            tile.clear();
            nodes /= TILE_WIDTH;
            level += 1;
        }
    }

    /// The root hash of RFC 6962 section 2.1.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for tile in &self.edge {
            // A partial tile is a row of complete subtrees, the largest first: one per set bit of its width.
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                let smallest = 1_usize << rest.len().trailing_zeros();
                let (left, last) = rest.split_at(rest.len() - smallest);
                let subtree = subtree_hash(last);
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                rest = left;
            }
        }
        root.unwrap_or_else(Hash::of_empty_tree)
    }
}
