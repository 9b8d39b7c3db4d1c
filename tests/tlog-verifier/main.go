// Command tlog-verifier checks a C2SP tlog-tiles log with code that is not ringfort's: the Go
// project's golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog.
//
//	tlog-verifier [-old FILE] [-proofs N] [-flips N] [-seed S] DIR VKEY
//	tlog-verifier -receipts DIR VKEY
//
// It checks the checkpoint's signature, authenticates every tile up to the signed root, hashes
// every entry, proves N entries to be in the tree, and proves that the log begins with the one of
// the older checkpoint in FILE. With -flips it then repeats all of that N times, each time with
// one bit changed in one of the files that the checkpoint covers, and expects each to fail.
//
// With -receipts DIR holds receipts of an evidence bundle: each NUMBER.json must be proved by the
// c2sp.org/tlog-proof beside it, NUMBER.tlog-proof, to be an entry of the log that signs with VKEY.
//
// Exit codes: 0 all as expected, 1 not, 2 usage. It works offline and writes no file.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The written limits of this program.
const (
	height         = 8 // of a tile; 256 hashes
	width          = 1 << height
	entryBytesMax  = 65_535
	noteBytesMax   = 16 << 10
	tileBytesMax   = width * tlog.HashSize
	bundleBytesMax = width * (2 + entryBytesMax)
	logEntriesMax  = 1 << 20
	repetitionsMax = 1 << 20
	checkpointPath = "checkpoint"
)

// A readFunc returns the bytes of a file of the log, by its path with slashes; it is an error if
// there are more than max.
type readFunc func(path string, max int) ([]byte, error)

func main() {
	old := flag.String("old", "", "`file` with an older checkpoint of the same log")
	proofs := flag.Int64("proofs", 1000, "inclusion proofs to check")
	flips := flag.Int64("flips", 0, "changed bits to try")
	seed := flag.Int64("seed", 1, "what the changed bits follow from")
	receipts := flag.Bool("receipts", false, "DIR holds receipts with their proofs")
	flag.Parse()
	if flag.NArg() != 2 || !within(*proofs) || !within(*flips) {
		fmt.Fprintln(os.Stderr, "usage: tlog-verifier [flags] DIR VKEY")
		flag.PrintDefaults()
		os.Exit(2)
	}
	check := func() error {
		if *receipts {
			return checkReceipts(flag.Arg(0), flag.Arg(1))
		}
		return run(flag.Arg(0), flag.Arg(1), *old, *proofs, *flips, *seed)
	}
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

// checkReceipts proves every receipt of a bundle to be an entry of the log.
func checkReceipts(dir, vkey string) error {
	key, err := note.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		return fmt.Errorf("the key: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := checkReceipt(path, key); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	if len(paths) == 0 {
		return errors.New("there is no receipt")
	}
	fmt.Printf("receipts proved: %d\n", len(paths))
	return nil
}

func checkReceipt(path string, key note.Verifier) error {
	leaf, err := readFile(path, entryBytesMax)
	if err != nil {
		return err
	}
	text, err := readFile(strings.TrimSuffix(path, ".json")+".tlog-proof", noteBytesMax)
	if err != nil {
		return err
	}
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	tree, err := openCheckpoint([]byte(checkpoint), key)
	if err != nil {
		return fmt.Errorf("the checkpoint: %w", err)
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
}

func within(n int64) bool {
	return 0 <= n && n <= repetitionsMax
}

func run(dir, vkey, oldPath string, proofs, flips, seed int64) error {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("the key: %w", err)
	}
	var old *tlog.Tree
	if oldPath != "" {
		text, err := readFile(oldPath, noteBytesMax)
		if err != nil {
			return err
		}
		tree, err := openCheckpoint(text, key)
		if err != nil {
			return fmt.Errorf("the older checkpoint: %w", err)
		}
		old = &tree
	}
	files := make(map[string][]byte)
	read := func(path string, max int) ([]byte, error) {
		if bytes, ok := files[path]; ok {
			return bytes, nil
		}
		bytes, err := readFile(filepath.Join(dir, filepath.FromSlash(path)), max)
		if err == nil {
			files[path] = bytes
		}
		return bytes, err
	}
	done, err := verify(read, key, old, proofs)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %d entries, signed by %s\n", done.entries, key.Name())
	fmt.Printf("files covered: %d\n", len(files))
	fmt.Printf("inclusion proofs accepted: %d\n", done.inclusions)
	fmt.Printf("consistency proofs accepted: %d\n", done.consistencies)
	return tryFlips(files, key, old, proofs, flips, seed)
}

// tryFlips changes one bit at a time. Files are drawn evenly, so that the small ones get theirs.
func tryFlips(
	files map[string][]byte, key note.Verifier, old *tlog.Tree, proofs, flips, seed int64,
) error {
	var paths []string
	for path, bytes := range files {
		if len(bytes) > 0 {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	random := rand.New(rand.NewSource(seed))
	rejected := make(map[string]int64)
	total, accepted := int64(0), 0
	for ; total < flips; total++ {
		path := paths[random.Intn(len(paths))]
		bit := random.Intn(8 * len(files[path]))
		read := func(asked string, max int) ([]byte, error) {
			bytes, ok := files[asked]
			if !ok {
				return nil, fmt.Errorf("%s is not a file of this log", asked)
			}
			if asked != path {
				return bytes, nil
			}
			changed := append([]byte(nil), bytes...)
			changed[bit/8] ^= 1 << (bit % 8)
			return changed, nil
		}
		if _, err := verify(read, key, old, proofs); err != nil {
			rejected[kindOf(path)]++
			continue
		}
		accepted++
		fmt.Printf("ACCEPTED: bit %d of %s changed\n", bit, path)
	}
	if flips == 0 {
		return nil
	}
	fmt.Printf("flips rejected: %d of %d\n", total-int64(accepted), total)
	for _, kind := range []string{"checkpoints", "hash tiles", "entry bundles"} {
		fmt.Printf("flips rejected in %s: %d\n", kind, rejected[kind])
	}
	if accepted > 0 {
		return fmt.Errorf("%d changed bits went unnoticed", accepted)
	}
	return nil
}

func kindOf(path string) string {
	switch {
	case path == checkpointPath:
		return "checkpoints"
	case strings.HasPrefix(path, "tile/entries/"):
		return "entry bundles"
	default:
		return "hash tiles"
	}
}

// What a verification has shown.
type shown struct {
	entries, inclusions, consistencies int64
}

// verify checks everything, and stops at the first thing that does not hold.
func verify(read readFunc, key note.Verifier, old *tlog.Tree, proofs int64) (shown, error) {
	var done shown
	text, err := read(checkpointPath, noteBytesMax)
	if err != nil {
		return done, err
	}
	tree, err := openCheckpoint(text, key)
	if err != nil {
		return done, fmt.Errorf("the checkpoint: %w", err)
	}
	done.entries = tree.N
	if tree.N == 0 {
		if empty, _ := tlog.TreeHash(0, nil); tree.Hash != empty {
			return done, errors.New("the root of the empty log is wrong")
		}
		return done, nil
	}
	hashes := tlog.TileHashReader(tree, tiles(read))
	leaves, err := checkEntries(read, tree.N, hashes)
	if err != nil {
		return done, err
	}
	if proofs > tree.N {
		proofs = tree.N
	}
	for ; done.inclusions < proofs; done.inclusions++ {
		index := done.inclusions * tree.N / proofs
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return done, fmt.Errorf("entry %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaves[index]); err != nil {
			return done, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	if old == nil || old.N == 0 {
		return done, nil
	}
	if old.N > tree.N {
		return done, fmt.Errorf("the older checkpoint has %d entries, the log %d", old.N, tree.N)
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return done, fmt.Errorf("the older checkpoint: %w", err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return done, fmt.Errorf("the older checkpoint: %w", err)
	}
	done.consistencies++
	return done, nil
}

// openCheckpoint reads a signed c2sp.org/tlog-checkpoint.
func openCheckpoint(text []byte, key note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	opened, err := note.Open(text, note.VerifierList(key))
	if err != nil {
		return tree, err
	}
	for _, signature := range opened.Sigs {
		// The library lets pass what differs only in the unused bits of the last digit.
		if _, err := base64.StdEncoding.Strict().DecodeString(signature.Base64); err != nil {
			return tree, err
		}
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != key.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, errors.New("its size is not a plain number")
	}
	if tree.N > logEntriesMax {
		return tree, fmt.Errorf("a log of %d entries is over the limit of %d", tree.N, logEntriesMax)
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// checkEntries hashes every entry, compares it with the tiles, and returns the hashes. Asking for
// all of them at once authenticates every tile of the tree.
func checkEntries(read readFunc, size int64, hashes tlog.HashReader) ([]tlog.Hash, error) {
	indexes := make([]int64, size)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	stated, err := hashes.ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	leaves := make([]tlog.Hash, 0, size)
	for n := int64(0); n*width < size; n++ {
		count := size - n*width
		if count > width {
			count = width
		}
		path := tilePath("entries", n, count)
		bundle, err := read(path, bundleBytesMax)
		if err != nil {
			return nil, err
		}
		entries, err := parseBundle(bundle, count)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, entry := range entries {
			leaf := tlog.RecordHash(entry)
			if leaf != stated[len(leaves)] {
				return nil, fmt.Errorf("%s: entry %d has another hash", path, len(leaves))
			}
			leaves = append(leaves, leaf)
		}
	}
	return leaves, nil
}

// parseBundle takes exactly count entries, each after its length as a big-endian uint16.
func parseBundle(bundle []byte, count int64) ([][]byte, error) {
	var entries [][]byte
	for int64(len(entries)) < count {
		if len(bundle) < 2 {
			return nil, errors.New("the bundle is cut")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		bundle = bundle[2:]
		if len(bundle) < length {
			return nil, errors.New("the bundle is cut")
		}
		entries = append(entries, bundle[:length])
		bundle = bundle[length:]
	}
	if len(bundle) > 0 {
		return nil, errors.New("the bundle has more entries than the checkpoint says")
	}
	return entries, nil
}

// tiles is a tlog.TileReader over the paths of c2sp.org/tlog-tiles.
type tiles readFunc

func (tiles) Height() int { return height }

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (read tiles) ReadTiles(asked []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(asked))
	for i, tile := range asked {
		bytes, err := read(tilePath(strconv.Itoa(tile.L), tile.N, int64(tile.W)), tileBytesMax)
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

// tilePath is a path of c2sp.org/tlog-tiles. It differs from tlog.Tile's Path in that the height,
// which is always 8, is not part of it, and that raw entries lie under another name.
func tilePath(level string, n, w int64) string {
	number := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	path := "tile/" + level + "/" + number
	if w != width {
		path += fmt.Sprintf(".p/%d", w)
	}
	return path
}

func readFile(path string, max int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	bytes, err := io.ReadAll(io.LimitReader(file, int64(max)+1))
	if err == nil && len(bytes) > max {
		err = fmt.Errorf("%s is over the limit of %d bytes", path, max)
	}
	return bytes, err
}
