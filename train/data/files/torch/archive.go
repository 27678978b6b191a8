package torch

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// Limits of an archive beside those of its content.
const (
	// extraEntries is how many entries there may be beside the storages.
	extraEntries = 64
	// maxRatio bounds compression: torch.save does not compress, and a file that was packed anew
	// by hand rarely shrinks as much.
	maxRatio = 64
)

// Names in the folder of an archive.
const (
	pickleEntry = "data.pkl"
	orderEntry  = "byteorder"
	dataFolder  = "data/"
	extraFolder = "extra/"
)

// archive is the zip archive of a PyTorch file, whose entries are in one folder.
type archive struct {
	prefix  string // of the folder, with a slash
	entries map[string]*zip.File
}

// open finds the entries of an archive, none of which it reads.
func open(r io.ReaderAt, size int64, limit Limits) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, wrong("neither a zip archive nor a stream of pickles: %v", err)
	}
	if most := limit.Tensors + extraEntries; len(z.File) > most {
		return nil, tooLarge("an archive of %d entries, want at most %d", len(z.File), most)
	}
	a := &archive{entries: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		if a.entries[f.Name] != nil {
			return nil, wrong("entry %s is there twice", files.Quoted(f.Name))
		}
		a.entries[f.Name] = f
		folder, rest, inside := strings.Cut(f.Name, "/")
		if !inside || rest != pickleEntry {
			continue
		}
		if a.prefix != "" {
			return nil, wrong("two entries %s", pickleEntry)
		}
		a.prefix = folder + "/"
	}
	if a.prefix == "" {
		return nil, wrong("an archive without %s", pickleEntry)
	}
	for name := range a.entries {
		if inside, ok := strings.CutPrefix(name, a.prefix); ok &&
			(inside == "constants.pkl" || strings.HasPrefix(inside, "code/")) {
			return nil, fmt.Errorf("%w (a TorchScript program)", pickle.ErrObject)
		}
	}
	return a, nil
}

// entry reads a whole entry of at most so many bytes. What it claims is checked first.
func (a *archive) entry(name string, most int64) (content []byte, err error) {
	f := a.entries[a.prefix+name]
	if f == nil {
		return nil, wrong("there is no entry %s", files.Quoted(name))
	}
	const encrypted = 1
	switch {
	case f.Flags&encrypted != 0 || f.Method != zip.Store && f.Method != zip.Deflate:
		return nil, wrong("entry %s is encrypted, or compressed in a way other than deflate", files.Quoted(name))
	case f.UncompressedSize64 > uint64(most):
		return nil, tooLarge("entry %s of %d bytes, want at most %d", files.Quoted(name), f.UncompressedSize64, most)
	case f.UncompressedSize64/maxRatio > f.CompressedSize64:
		return nil, tooLarge("entry %s is compressed to less than 1/%d", files.Quoted(name), maxRatio)
	}
	r, err := f.Open()
	if err != nil {
		return nil, wrong("entry %s: %v", files.Quoted(name), err)
	}
	content, err = files.ReadAll(r, int64(f.UncompressedSize64))
	if err = errors.Join(err, r.Close()); err != nil {
		if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) {
			err = wrong("%v", err)
		}
		return nil, &files.Error{Place: "entry " + files.Quoted(name), Err: err}
	}
	return content, nil
}

// readArchive reads the format of PyTorch 1.6 and later.
func readArchive(r io.ReaderAt, size int64, limit Limits) (*File, error) {
	a, err := open(r, size, limit)
	if err != nil {
		return nil, err
	}
	bigEndian, err := a.bigEndian()
	if err != nil {
		return nil, err
	}
	doc, err := a.entry(pickleEntry, limit.Pickle)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReader(bytes.NewReader(doc))
	v, err := decode(b, pickleEntry, limit)
	if err != nil {
		return nil, err
	}
	if _, err := b.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("%s: %w of the pickle", pickleEntry, files.ErrTrailing)
	}
	c := newContent(limit)
	out := &File{}
	if out.Value, err = c.build(v); err != nil {
		return nil, err
	}
	storages := c.storages()
	for _, key := range slices.Sorted(maps.Keys(storages)) {
		s := storages[key]
		want := s.Len * int64(kinds[s.Kind].width)
		content, err := a.entry(dataFolder+key, want)
		if err != nil {
			return nil, err
		}
		if int64(len(content)) != want {
			return nil, wrong("storage %s has %d bytes, want %d", files.Quoted(key), len(content), want)
		}
		c.fill(s, content, bigEndian)
	}
	out.Extra, err = a.extra(limit.Bytes)
	return out, err
}

// bigEndian reports whether the archive says that values are.
func (a *archive) bigEndian() (bool, error) {
	if a.entries[a.prefix+orderEntry] == nil {
		return false, nil
	}
	order, err := a.entry(orderEntry, 64)
	switch {
	case err != nil:
		return false, err
	case string(order) != "little" && string(order) != "big":
		return false, wrong("byte order %s", files.Quoted(string(order)))
	}
	return string(order) == "big", nil
}

// extra reads the additional files, at most so many bytes together.
func (a *archive) extra(left int64) (map[string][]byte, error) {
	var out map[string][]byte
	for _, name := range slices.Sorted(maps.Keys(a.entries)) {
		inside := strings.TrimPrefix(name, a.prefix)
		file, ok := strings.CutPrefix(inside, extraFolder)
		if !ok || file == "" || inside == name {
			continue
		}
		content, err := a.entry(inside, left)
		if err != nil {
			return nil, err
		}
		if left -= int64(len(content)); out == nil {
			out = map[string][]byte{}
		}
		out[file] = content
	}
	return out, nil
}
