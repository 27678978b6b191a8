package api

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files beside a request or a result travel as a tar archive behind its line of
// JSON: one regular file after the other, in the order of the directory.

// maxFiles bounds how many files travel together: a set or model has four.
const maxFiles = 64

// errFiles is the cause of an archive that breaks the rules.
var errFiles = errors.New("files sent along")

// writeFiles writes a flat directory as a tar archive.
func writeFiles(w io.Writer, files fs.FS) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, e := range entries {
		if err := writeFile(t, files, e.Name()); err != nil {
			return fmt.Errorf("send %s: %w", e.Name(), err)
		}
	}
	return t.Close()
}

func writeFile(t *tar.Writer, files fs.FS, name string) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file (%s)", info.Mode())
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(),
		Mode: 0o644}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// receiveFiles reads a tar archive of at most limit bytes and passes each file
// to take, which must read it before it returns.
func receiveFiles(r io.Reader, most int64, take func(name string, content io.Reader) error) error {
	t := tar.NewReader(r)
	left := most
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && len(seen) > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFiles, err)
		}
		switch {
		case h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name) || h.Name == "." || strings.ContainsAny(h.Name, `/\:`):
			return fmt.Errorf("%w: %q is not a regular file of a flat directory", errFiles, h.Name)
		case seen[h.Name]:
			return fmt.Errorf("%w: two are called %q", errFiles, h.Name)
		case len(seen) == maxFiles:
			return fmt.Errorf("%w: more than %d", errFiles, maxFiles)
		case h.Size > left:
			return fmt.Errorf("%w: more than %d bytes", errFiles, most)
		}
		seen[h.Name] = true
		left -= h.Size
		if err := take(h.Name, t); err != nil {
			return fmt.Errorf("receive %s: %w", h.Name, err)
		}
	}
}

// spool writes a tar archive's files to a folder of their own inside dir, so that
// an operation can read them again and again without holding them in memory. remove
// deletes them.
func spool(r io.Reader, most int64, dir string) (files fs.FS, remove func(), err error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, nil, err
		}
	}
	folder, err := os.MkdirTemp(dir, "upload-*")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { os.RemoveAll(folder) } // leftover files only cost space
	err = receiveFiles(r, most, func(name string, content io.Reader) error {
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		remove()
		return nil, nil, err
	}
	return os.DirFS(folder), remove, nil
}

// collect reads a tar archive's files into memory.
func collect(r io.Reader, most int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := receiveFiles(r, most, func(name string, content io.Reader) (err error) {
		out[name], err = io.ReadAll(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// readAll reads a flat directory into memory.
func readAll(files fs.FS) (map[string][]byte, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if out[e.Name()], err = fs.ReadFile(files, e.Name()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
