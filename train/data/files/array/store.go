package array

import (
	"archive/zip"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// store is a collection of named arrays.
type store struct {
	path  string
	names []string // of the arrays, in order
	read  func(name string) (*values, error)
	close func() error
	kind  string // of the files, for the account
}

// IsNumPy reports whether a file has the name of a NumPy array.
func IsNumPy(name string) bool {
	_, ext := files.Stem(name)
	return ext == ".npy"
}

// openArchive opens an .npz archive, which is a zip of .npy files.
func openArchive(tree *files.Tree, name string) (*store, error) {
	r, size, done, err := tree.Random(name)
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errors.Join(files.Named(tree.At(name),
			&files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %w", files.ErrFormat, err)}), done())
	}
	s := &store{path: tree.At(name), close: done, kind: "NumPy archive (.npz)"}
	entries := map[string]*zip.File{}
	for _, e := range z.File {
		array, ok := strings.CutSuffix(e.Name, ".npy")
		if !ok {
			continue
		}
		if entries[array] != nil {
			return nil, errors.Join(files.Named(s.path, &files.Error{Place: files.Whole,
				Err: fmt.Errorf("%w: array %s is there twice", files.ErrFormat, files.Quoted(array))}), done())
		}
		entries[array] = e
		s.names = append(s.names, array)
	}
	s.read = func(array string) (*values, error) {
		r, err := entries[array].Open()
		if err != nil {
			return nil, err
		}
		v, err := decodeNumPy(files.Bounded(r, files.MaxBytes))
		return v, errors.Join(err, r.Close())
	}
	return s, nil
}

// IsArchive reports whether a zip archive holds NumPy arrays.
func IsArchive(tree *files.Tree, name string) bool {
	s, err := openArchive(tree, name)
	if err != nil {
		return false
	}
	return errors.Join(s.close()) == nil && len(s.names) > 0
}

// openFolder looks for .npy files in a folder of the tree.
func openFolder(tree *files.Tree, dir string, a *files.Account) (*store, error) {
	_, found, err := tree.List(dir, a)
	if err != nil {
		return nil, err
	}
	s := &store{path: tree.At(dir), close: func() error { return nil }, kind: "NumPy arrays (.npy)"}
	paths := map[string]string{}
	for _, f := range found {
		array, _ := files.Stem(f)
		if !IsNumPy(f) {
			continue
		}
		if paths[array] != "" {
			a.Skip("arrays that are there plain and compressed", f)
			continue
		}
		paths[array] = f
		s.names = append(s.names, array)
	}
	s.read = func(array string) (v *values, err error) {
		r, err := tree.Content(paths[array])
		if err != nil {
			return nil, err
		}
		v, err = decodeNumPy(files.Bounded(r, files.MaxBytes))
		return v, errors.Join(err, r.Close())
	}
	return s, nil
}

// inMemory is a store of arrays that were decoded already.
func inMemory(path, kind string, all []*values) *store {
	s := &store{path: path, kind: kind, close: func() error { return nil }}
	for _, v := range all {
		s.names = append(s.names, v.name)
	}
	s.read = func(array string) (*values, error) { return all[slices.Index(s.names, array)], nil }
	return s
}

// get reads an array, and names it in every error.
func (s *store) get(name string) (*values, error) {
	v, err := s.read(name)
	if err != nil {
		return nil, s.inside(name, err)
	}
	v.name = name
	return v, nil
}

// inside adds the name of the array to an error.
func (s *store) inside(name string, err error) error {
	if err == nil {
		return nil
	}
	var inner *files.Error
	if !errors.As(err, &inner) {
		inner = &files.Error{Place: files.Whole, Err: err}
	}
	out := *inner
	out.Path, out.Place = "", placed(name, out.Place, out.Offset)
	return files.Named(s.path, &out)
}

// placed is the place of an error in an array; offset counts where it says nothing.
func placed(name, place string, offset int64) string {
	switch place {
	case "":
		return fmt.Sprintf("array %s, byte %d", path.Base(name), offset)
	case files.Whole:
		return "array " + path.Base(name)
	}
	return "array " + path.Base(name) + ", " + place
}
