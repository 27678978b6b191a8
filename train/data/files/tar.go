package files

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	tarBlock = 512
	// Limits of the size of sparse files.
	sparseFloor, sparseFactor = 64 << 20, 1000
)

// tarEntry is an entry of a tar archive.
type tarEntry struct {
	kind  fs.FileMode // of a folder or a link; 0 for a file
	open  io.ReaderAt // the content of a file
	start int64       // of the content in open
	size  int64
}

// tarTree shows a tar archive, without compression, as a tree. Contents are read
// from the archive in place; hard links share them.
type tarTree struct {
	fs.FS   // the names, as those of a zip archive of empty files
	at      io.ReaderAt
	size    int64
	entries map[string]tarEntry
	order   []string
	sparse  int64 // bytes that sparse files may still unfold to
	end     int64 // of what was looked at
}

// openTar reads the entries of a tar archive. Among entries of one name the last
// counts, as for tar itself. Links other than hard links count as neither files
// nor folders.
func openTar(at io.ReaderAt, size int64) (*tarTree, error) {
	t := &tarTree{at: at, size: size, entries: map[string]tarEntry{}, sparse: sparseFloor + sparseFactor*size}
	section := io.NewSectionReader(at, 0, size)
	for from := tar.NewReader(section); ; {
		head, err := from.Next()
		pos, _ := section.Seek(0, io.SeekCurrent)
		if errors.Is(err, io.EOF) {
			if pos-t.end < 2*tarBlock {
				return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: no end of the archive", ErrTruncated)}
			}
			break
		}
		if err != nil {
			return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, OrTruncated(err))}
		}
		t.end = pos
		if err := t.add(head, from, pos); err != nil {
			return nil, err
		}
		if pos, _ = section.Seek(0, io.SeekCurrent); pos > t.end {
			t.end = pos
		}
		t.end = (t.end + tarBlock - 1) / tarBlock * tarBlock
	}
	return t, t.index()
}

// inArchive is the name of an entry as a path in a tree.
func inArchive(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// add takes one entry, whose content begins at pos.
func (t *tarTree) add(head *tar.Header, content io.Reader, pos int64) error {
	name := inArchive(head.Name)
	if len(t.order) >= maxEntries {
		return &Error{Place: Whole, Err: fmt.Errorf("%w: more than %d files", ErrTooLarge, maxEntries),
			Hint: "unpack it first"}
	}
	switch head.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if head.Typeflag == tar.TypeGNUSparse || head.PAXRecords["GNU.sparse.realsize"] != "" ||
			head.PAXRecords["GNU.sparse.size"] != "" || head.PAXRecords["GNU.sparse.major"] != "" {
			return t.unfold(name, head.Size, content)
		}
		if t.end = pos + head.Size; t.end > t.size {
			return &Error{Place: "file " + Quoted(name), Err: ErrTruncated}
		}
		t.put(name, tarEntry{open: t.at, start: pos, size: head.Size})
	case tar.TypeDir:
		t.put(name, tarEntry{kind: fs.ModeDir})
	case tar.TypeLink:
		first, ok := t.entries[inArchive(head.Linkname)]
		if !ok || first.kind != 0 {
			return &Error{Place: "file " + Quoted(name),
				Err:  fmt.Errorf("%w: a link to %s, which is not there", ErrFormat, Quoted(head.Linkname)),
				Hint: "pack the files again with --hard-dereference"}
		}
		t.put(name, first)
	case tar.TypeSymlink:
		t.put(name, tarEntry{kind: fs.ModeSymlink})
	}
	return nil // devices, and headers that concern no file
}

// unfold reads the content of a sparse file.
func (t *tarTree) unfold(name string, size int64, content io.Reader) error {
	if t.sparse -= size; size > MaxBytes || t.sparse < 0 {
		return &Error{Place: "file " + Quoted(name), Err: fmt.Errorf("%w: a sparse file of %d bytes", ErrTooLarge, size),
			Hint: "pack the files again without --sparse"}
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, content); err != nil {
		return &Error{Place: "file " + Quoted(name), Err: OrTruncated(err)}
	}
	t.put(name, tarEntry{open: bytes.NewReader(b.Bytes()), size: int64(b.Len())})
	return nil
}

// put replaces an earlier entry of the same name.
func (t *tarTree) put(name string, e tarEntry) {
	if name == "" {
		return
	}
	if _, ok := t.entries[name]; !ok {
		t.order = append(t.order, name)
	}
	t.entries[name] = e
}

// index makes the tree of names.
func (t *tarTree) index() error {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range t.order {
		h := &zip.FileHeader{Name: name}
		switch t.entries[name].kind {
		case fs.ModeDir:
			h.Name += "/"
		case fs.ModeSymlink:
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		if _, err := z.CreateHeader(h); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	t.FS = r
	return err
}

// Open opens a file or a folder.
func (t *tarTree) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if e, ok := t.entries[name]; err == nil && ok && e.kind == 0 {
		return &tarFile{f, io.NewSectionReader(e.open, e.start, e.size)}, nil
	}
	return f, err
}

// tarFile is an open file of a tar archive.
type tarFile struct {
	fs.File // of the index
	content *io.SectionReader
}

func (f *tarFile) Read(b []byte) (int, error) { return f.content.Read(b) }

// ReadAt reads at any place.
func (f *tarFile) ReadAt(b []byte, at int64) (int, error) { return f.content.ReadAt(b, at) }

// Stat tells the size of the content.
func (f *tarFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return tarInfo{info, f.content.Size()}, err
}

type tarInfo struct {
	fs.FileInfo
	size int64
}

func (i tarInfo) Size() int64 { return i.size }
