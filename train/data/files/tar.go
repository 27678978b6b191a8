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

// unfolder rewrites a tar archive, without compression, as a zip archive, which
// the standard library shows as a tree.
type unfolder struct {
	out    bytes.Buffer
	z      *zip.Writer
	left   int64
	stored map[string][2]int // where the content of a file lies in out
	names  int
}

// tarAsZip rewrites a tar archive as a zip archive. Hard links become copies; other
// links stay links, which are counted as neither files nor folders.
func tarAsZip(r io.Reader) ([]byte, error) {
	u := &unfolder{left: MaxBytes, stored: map[string][2]int{}}
	u.z = zip.NewWriter(&u.out)
	for from := tar.NewReader(r); ; {
		head, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, OrTruncated(err))}
		}
		if err := u.add(head, from); err != nil {
			return nil, err
		}
	}
	if err := u.z.Close(); err != nil {
		return nil, err
	}
	return u.out.Bytes(), nil
}

// inArchive is the name of an entry as a path in a tree.
func inArchive(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// add takes one entry.
func (u *unfolder) add(head *tar.Header, content io.Reader) error {
	name := inArchive(head.Name)
	if u.names++; u.names > maxEntries {
		return &Error{Place: Whole, Err: fmt.Errorf("%w: more than %d files", ErrTooLarge, maxEntries),
			Hint: "unpack it first"}
	}
	switch head.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return u.store(name, head.Size, content)
	case tar.TypeDir:
		if name == "" {
			return nil
		}
		_, err := u.z.Create(name + "/")
		return err
	case tar.TypeLink:
		at, ok := u.stored[inArchive(head.Linkname)]
		if !ok {
			return &Error{Place: "file " + Quoted(name),
				Err: fmt.Errorf("%w: a link to %s, which is not there", ErrFormat,
					Quoted(head.Linkname)), Hint: "pack the files again with --hard-dereference"}
		}
		first := bytes.Clone(u.out.Bytes()[at[0]:at[1]])
		return u.store(name, int64(len(first)), bytes.NewReader(first))
	case tar.TypeSymlink:
		h := &zip.FileHeader{Name: name}
		h.SetMode(fs.ModeSymlink | 0o777)
		_, err := u.z.CreateHeader(h)
		return err
	}
	return nil // devices, and headers that concern no file
}

// store writes the content of a file.
func (u *unfolder) store(name string, size int64, content io.Reader) error {
	if u.left -= size; u.left < 0 {
		return &Error{Place: Whole, Err: fmt.Errorf("%w: unfolds to more than %d bytes", ErrTooLarge, int64(MaxBytes)),
			Hint: "unpack it first"}
	}
	w, err := u.z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		err = u.z.Flush()
	}
	from := u.out.Len()
	if err == nil {
		_, err = io.Copy(w, content)
	}
	if err == nil {
		err = u.z.Flush()
	}
	if err != nil {
		return &Error{Place: "file " + Quoted(name), Err: OrTruncated(err)}
	}
	u.stored[name] = [2]int{from, u.out.Len()}
	return nil
}
