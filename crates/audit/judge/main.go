// Judges a log and its proofs by the code of Go's own checksum database (golang.org/x/mod/sumdb), which shares nothing
// with what made them.
//
//	judge checkpoint VKEY CHECKPOINT
//	judge proof VKEY PROOF
//	judge log VKEY DIR           every entry by its own inclusion proof from the tiles, and the tree's growth
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 4 {
		fail("three words are needed")
	}
	key, err := os.ReadFile(os.Args[2])
	check(err)
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	check(err)
	switch os.Args[1] {
	case "checkpoint":
		text, err := os.ReadFile(os.Args[3])
		check(err)
		tree := open(verifier, text)
		fmt.Println(tree.N)
	case "proof":
		judgeProof(verifier, os.Args[3])
	case "log":
		judgeLog(verifier, os.Args[3])
	default:
		fail("unknown word")
	}
}

func fail(problem string) {
	fmt.Fprintln(os.Stderr, problem)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// open checks the signature and reads size and root.
func open(verifier note.Verifier, text []byte) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func judgeProof(verifier note.Verifier, path string) {
	text, err := os.ReadFile(path)
	check(err)
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		proof = append(proof, hash)
	}
	tree := open(verifier, []byte(checkpoint))
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Println(index)
}

func judgeLog(verifier note.Verifier, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)
	tree := open(verifier, text)
	reader := tlog.TileHashReader(tree, &tiles{dir, tree.N})
	for index := int64(0); index < tree.N; index++ {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		check(err)
		entry := readEntry(dir, tree.N, index)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	}
	for old := int64(1); old <= tree.N; old += 1 + tree.N/50 {
		root, err := tlog.TreeHash(old, reader)
		check(err)
		proof, err := tlog.ProveTree(tree.N, old, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old, root))
	}
	fmt.Println(tree.N)
}

// place is where C2SP has the tile that the checksum database would call by another path.
func place(dir, level string, index int64, width int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return filepath.Join(dir, "tile", level, path)
}

type tiles struct {
	dir  string
	size int64
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		// The widest form of the tile that a tree of this size has; a narrower one is its beginning.
		nodes := t.size >> (8 * tile.L)
		width := int64(256)
		if nodes < (tile.N+1)*256 {
			width = nodes - tile.N*256
		}
		data, err := os.ReadFile(place(t.dir, strconv.Itoa(tile.L), tile.N, int(width)))
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*32 {
			return nil, fmt.Errorf("a tile is too short")
		}
		all = append(all, data[:tile.W*32])
	}
	return all, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func readEntry(dir string, size, index int64) []byte {
	width := size - index/256*256
	if width > 256 {
		width = 256
	}
	bundle, err := os.ReadFile(place(dir, "entries", index/256, int(width)))
	check(err)
	for skipped := index % 256; ; skipped-- {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			fail("an entry is cut off")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if skipped == 0 {
			return bundle[2 : 2+length]
		}
		bundle = bundle[2+length:]
	}
}
