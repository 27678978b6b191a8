package artifact

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// Files is a flat directory in memory, name to content: a set or a model before
// it is stored, or after it was read. It is an fs.FS that lists its files in
// order of their names. Content that was put in must not be changed afterwards.
type Files map[string][]byte

// ReadFiles reads a whole flat directory. A directory in it is an error.
func ReadFiles(fsys fs.FS) (Files, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	out := make(Files, len(entries))
	for _, e := range entries {
		if out[e.Name()], err = fs.ReadFile(fsys, e.Name()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Names lists the files in order.
func (f Files) Names() []string { return slices.Sorted(maps.Keys(f)) }

// Open implements fs.FS.
func (f Files) Open(name string) (fs.File, error) {
	if name == "." {
		return &openFolder{entries: f.entries()}, nil
	}
	content, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	return &openFile{info: fileInfo{name, int64(len(content))}, Reader: bytes.NewReader(content)}, nil
}

// ReadDir implements fs.ReadDirFS.
func (f Files) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return f.entries(), nil
}

// ReadFile implements fs.ReadFileFS. It returns a copy, which the caller may change.
func (f Files) ReadFile(name string) ([]byte, error) {
	content, err := f.find("read", name)
	return bytes.Clone(content), err
}

func (f Files) find(op, name string) ([]byte, error) {
	cause := fs.ErrNotExist
	if !fs.ValidPath(name) {
		cause = fs.ErrInvalid
	} else if content, ok := f[name]; ok {
		return content, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: cause}
}

func (f Files) entries() []fs.DirEntry {
	out := make([]fs.DirEntry, 0, len(f))
	for _, name := range f.Names() {
		out = append(out, fs.FileInfoToDirEntry(fileInfo{name, int64(len(f[name]))}))
	}
	return out
}

// openFile is one file being read.
type openFile struct {
	info fileInfo
	*bytes.Reader
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFile) Close() error               { return nil }

// openFolder is the directory itself.
type openFolder struct{ entries []fs.DirEntry }

func (o *openFolder) Stat() (fs.FileInfo, error) { return folderInfo{}, nil }
func (o *openFolder) Close() error               { return nil }
func (o *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (o *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(o.entries)
	} else if len(o.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(o.entries))
	out := o.entries[:n]
	o.entries = o.entries[n:]
	return out, nil
}

// fileInfo describes a file: it has no times and no owner.
type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return 0o444 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }

// folderInfo describes the directory.
type folderInfo struct{ fileInfo }

func (folderInfo) Name() string      { return "." }
func (folderInfo) Mode() fs.FileMode { return fs.ModeDir | 0o555 }
func (folderInfo) IsDir() bool       { return true }
