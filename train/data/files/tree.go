package files

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tree is a source of files: a folder, or the inside of a zip or tar archive. Names
// in it are slash-separated and relative.
type Tree struct {
	fs.FS
	Path  string // for messages
	real  bool   // a folder of the file system, which may hold links
	close func() error
}

// Dir is the tree of a folder.
func Dir(path string) *Tree {
	return &Tree{FS: os.DirFS(path), Path: path, real: true, close: func() error { return nil }}
}

// Within is the tree of a folder of somebody else: links that lead out of it count as broken.
func Within(path string) (*Tree, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Tree{FS: root.FS(), Path: path, real: true, close: root.Close}, nil
}

// IsArchive reports whether the tree is the inside of an archive.
func (t *Tree) IsArchive() bool { return !t.real }

// Real is the name of a folder with all links resolved.
func (t *Tree) Real(name string) string {
	if !t.real {
		return name
	}
	real, err := filepath.EvalSymlinks(t.At(name))
	if err != nil {
		return name
	}
	return real
}

// loops reports whether a link in a folder leads to a folder that contains it.
func (t *Tree) loops(dir, name string) bool {
	target, sep := t.Real(name), string(filepath.Separator)
	for {
		if at := t.Real(dir); at == target || strings.HasPrefix(at, strings.TrimSuffix(target, sep)+sep) {
			return true
		}
		if dir == "." {
			return false
		}
		dir = path.Dir(dir)
	}
}

// Close closes the archive.
func (t *Tree) Close() error { return t.close() }

// Sub is the tree of a folder in it.
func (t *Tree) Sub(name string) (*Tree, error) {
	inner, err := fs.Sub(t.FS, name)
	if err != nil {
		return nil, err
	}
	return &Tree{FS: inner, Path: t.At(name), real: t.real, close: func() error { return nil }}, nil
}

// At is a name in the tree, for messages.
func (t *Tree) At(name string) string { return filepath.Join(t.Path, filepath.FromSlash(name)) }

// Content opens a file and decompresses gzip.
func (t *Tree) Content(name string) (io.ReadCloser, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := Ungzip(f)
	if err != nil {
		return nil, errors.Join(Named(t.At(name), err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// Read decodes the content of a file, and adds the name of the file to every error.
func (t *Tree) Read(name string, decode func(io.Reader) error) error {
	r, err := t.Content(name)
	if err != nil {
		return err
	}
	defer r.Close()
	return Named(t.At(name), decode(r))
}

// Bytes is the whole content of a file, at most so many bytes.
func (t *Tree) Bytes(name string, most int64) (content []byte, err error) {
	err = t.Read(name, func(r io.Reader) error {
		content, err = ReadAll(r, most)
		return err
	})
	return content, err
}

// Random opens a file for reading at any place: as it lies on the disk, or from
// memory when it is compressed.
func (t *Tree) Random(name string) (r io.ReaderAt, size int64, done func() error, err error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, 0, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, nil, errors.Join(err, f.Close())
	}
	at, ok := f.(io.ReaderAt)
	var head [2]byte
	if ok {
		if _, err := at.ReadAt(head[:], 0); err == nil && !bytes.Equal(head[:], gzipMagic) {
			return at, info.Size(), f.Close, nil
		}
	}
	if err := f.Close(); err != nil {
		return nil, 0, nil, err
	}
	content, err := t.Bytes(name, MaxBytes)
	return bytes.NewReader(content), int64(len(content)), func() error { return nil }, err
}

// junk are names of files that other programs create, in lower case.
var junk = []string{"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "thumbs.db",
	"desktop.ini",
	"@recycle", "recycler", "network trash folder", "temporary items", "picasa.ini", "#recycle", "@recently-snapshot",
	"#snapshot", "__pycache__", "icon\r", "ehthumbs.db", "found.000"}

// IsJunk reports whether a file or folder was left by another program: hidden
// ones among them.
func IsJunk(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$") || slices.Contains(junk, strings.ToLower(name))
}

// WhyJunk is the reason in an account for files of other programs.
const WhyJunk = "left by other programs, or hidden"

// List lists the folders and the files in a folder of the tree, sorted; what
// other programs left behind is counted as skipped. Links are followed, but those
// to a folder that holds them.
func (t *Tree) List(dir string, a *Account) (folders, others []string, err error) {
	entries, err := fs.ReadDir(t.FS, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if IsJunk(e.Name()) {
			a.Skip(WhyJunk, name)
			continue
		}
		if !utf8.ValidString(e.Name()) {
			return nil, nil, &Error{Path: t.At(name), Place: Whole, Err: fmt.Errorf("%w: the name is not in UTF-8", ErrFormat),
				Hint: "rename it"}
		}
		info, err := fs.Stat(t.FS, name)
		switch {
		case err != nil:
			a.Skip("broken links, or unreadable", name)
		case info.IsDir() && e.Type()&fs.ModeSymlink != 0 && t.loops(dir, name):
			a.Skip("links to a folder that holds them", name)
		case info.IsDir():
			folders = append(folders, name)
		case info.Mode().IsRegular():
			others = append(others, name)
		default:
			a.Skip("neither files nor folders", name)
		}
	}
	return folders, others, nil
}

// OpenArchive opens a zip or tar archive, gzip or not.
func OpenArchive(path string, kind Kind) (*Tree, error) {
	r, size, done, err := Dir(filepath.Dir(path)).Random(filepath.Base(path))
	if err != nil {
		return nil, Named(path, err)
	}
	var inner fs.FS
	if kind == Tar {
		inner, err = openTar(r, size)
	} else {
		inner, err = openZip(r, size)
	}
	if err != nil {
		return nil, errors.Join(Named(path, err), done())
	}
	return &Tree{FS: inner, Path: path, close: done}, nil
}

// openZip refuses what a zip archive may hold and this reader cannot read.
func openZip(r io.ReaderAt, size int64) (fs.FS, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	if len(z.File) > maxEntries {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %d files", ErrTooLarge, len(z.File)), Hint: "unpack it first"}
	}
	const encrypted = 1
	seen := make(map[string]bool, len(z.File))
	for _, f := range z.File {
		f.Name = strings.ReplaceAll(f.Name, `\`, "/") // as some programs of Windows write it
		name := inArchive(f.Name)
		place := "file " + Quoted(f.Name)
		switch {
		case f.Flags&encrypted != 0:
			return nil, &Error{Place: place, Err: fmt.Errorf("%w: it is encrypted", ErrFormat), Hint: "unpack it first"}
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return nil, &Error{Place: place, Err: fmt.Errorf("%w: compression method %d of zip, want 0 or 8 (deflate)",
				ErrFormat, f.Method), Hint: "unpack it first"}
		case seen[name]:
			return nil, &Error{Place: place, Err: fmt.Errorf("%w: the name is there twice", ErrFormat),
				Hint: "unpack it, and look which of the two is meant"}
		}
		seen[name] = true
	}
	return z, nil
}

// maxEntries bounds the files of an archive.
const maxEntries = 1 << 22
