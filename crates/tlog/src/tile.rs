//! Where tiles and entry bundles lie and how wide they are (C2SP tlog-tiles).

use std::fmt;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of the tree's level `8 * level`, 32 bytes each.
    Hashes { level: u8 },
    /// The entries themselves.
    Entries,
}

/// One tile: kind, index within its level, and width from 1 to 256. Below 256 it is partial.
///
/// Prints as its path below the log's folder, such as `tile/0/x001/x234/067` or `tile/entries/000.p/17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileCoordinates {
    pub kind: TileKind,
    pub index: u64,
    pub width: u64,
}

impl TileCoordinates {
    /// Reads exactly what `Display` writes.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes { level: level.parse().ok()? },
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let mut number = 0_u64;
        for group in index.split('/') {
            let digits: u64 = group.trim_start_matches('x').parse().ok()?;
            number = number.checked_mul(1000)?.checked_add(digits)?;
        }
        let tile = Self { kind, index: number, width };
        (tile.to_string() == path).then_some(tile)
    }

    /// Whether it holds all 256.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile at full width: what a partial one grows into.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }
}

impl fmt::Display for TileCoordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut divisor = 1_u64;
        while self.index / divisor >= 1000 {
            divisor *= 1000;
        }
        while divisor > 1 {
            write!(f, "x{:03}/", self.index / divisor % 1000)?;
            divisor /= 1000;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The widths of the tiles of one level of a tree of `size` entries: full ones, and the last one if it is partial.
pub fn widths_at(level: u8, size: u64) -> (u64, u64) {
    let nodes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    (nodes / TILE_WIDTH, nodes % TILE_WIDTH)
}

/// Every tile and bundle of a tree of `size` entries.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TileCoordinates> {
    let kinds = std::iter::once((TileKind::Entries, 0))
        .chain((0..8).map(|level| (TileKind::Hashes { level }, level)));
    kinds.flat_map(move |(kind, level)| {
        let (full, partial) = widths_at(level, size);
        let last = (partial > 0).then_some(TileCoordinates { kind, index: full, width: partial });
        (0..full).map(move |index| TileCoordinates { kind, index, width: TILE_WIDTH }).chain(last)
    })
}
