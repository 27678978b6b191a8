package exchange

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/torch"
)

// Formats are what Read reads, as help texts list them.
const Formats = ".npz, safetensors, a PyTorch file (.pt, .pth) of plain tensors, or a folder of pictures for each class"

// Names of the files that Write writes, as the demonstrations of the DD-Ranking package call them.
const (
	imagesFile = "images.pt"
	labelsFile = "labels.pt"
	configFile = "config.yaml"
	imagesDir  = "images"
)

// find recognizes what lies at the path and reads it.
func (r *reading) find() (*found, error) {
	info, err := os.Stat(r.path)
	if err != nil {
		return nil, err
	}
	var in *found
	switch {
	case info.IsDir() && exists(filepath.Join(r.path, imagesFile)):
		r.path = filepath.Join(r.path, imagesFile)
		in, err = r.file(r.path, false)
	case info.IsDir():
		in, err = r.folder()
	default:
		in, err = r.file(r.path, false)
	}
	if err != nil {
		return nil, err
	}
	return in, r.otherLabels(in)
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// otherLabels reads labels from a file of their own: the one that was named, or, for images
// without labels, the one beside them.
func (r *reading) otherLabels(in *found) error {
	path := r.opt.Labels
	if path == "" {
		if in.labels != nil {
			return nil
		}
		if path = beside(r.path, in.classes != nil); !exists(path) {
			return nil
		}
		r.unless(in.record)("labels-beside", "--labels", "labels are those of %s beside the images", filepath.Base(path))
	}
	labels, err := r.file(path, true)
	if err != nil {
		return err
	}
	in.labels, in.rows = labels.labels, labels.record
	return nil
}

// unless notes what is assumed unless a record of this program makes it a fact.
func (r *reading) unless(rec *record) func(code, flag, format string, args ...any) {
	if rec == nil {
		return r.account.Assume
	}
	return func(code, _, format string, args ...any) { r.account.See(code, format, args...) }
}

// beside is where labels of images may lie: labels.pt for images.pt, labels_x.pt for images_x.pt.
func beside(path string, folder bool) string {
	if folder {
		return filepath.Join(path, labelsFile)
	}
	name := filepath.Base(path)
	if labels := strings.Replace(name, "images", "labels", 1); labels != name {
		return filepath.Join(filepath.Dir(path), labels)
	}
	return ""
}

// file reads a file of arrays; alone says that it has labels and no images.
func (r *reading) file(path string, alone bool) (*found, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, wrong(path, ErrFormat, "give a file or a folder: "+Formats, "neither a file nor a folder")
	}
	a := &arrays{reading: r, path: path, alone: alone}
	tree, name := files.Dir(filepath.Dir(path)), filepath.Base(path)
	switch {
	case torch.Is(f, info.Size()):
		return a.torch(f, info.Size())
	case array.IsArchive(tree, name):
		if err := a.checkExpansion(f, info.Size()); err != nil {
			return nil, err
		}
		return a.npz(tree, name)
	case isSafetensors(f):
		return a.safetensors(f, info.Size())
	}
	return nil, wrong(path, ErrFormat, "an import is "+Formats, "a file of another kind")
}

// isSafetensors recognizes the length of a header and its first byte.
func isSafetensors(r io.ReaderAt) bool {
	var head [9]byte
	_, err := r.ReadAt(head[:], 0)
	return (err == nil || errors.Is(err, io.EOF)) && head[8] == '{' && head[5]|head[6]|head[7] == 0
}

// maxArrays bounds the arrays of a file.
const maxArrays = 4096

// safetensors reads a file of named tensors.
func (a *arrays) safetensors(r io.ReaderAt, size int64) (*found, error) {
	content, err := files.ReadAll(io.NewSectionReader(r, 0, size), files.MaxBytes)
	if err != nil {
		return nil, caused(a.path, ErrFormat, err)
	}
	tensors, _, err := checkpoint.Decode(content, checkpoint.Limits{Tensors: maxArrays})
	if err != nil {
		cause := ErrFormat
		if errors.Is(err, checkpoint.ErrTooLarge) {
			cause = ErrTooLarge
		}
		return nil, wrong(a.path, cause, "save float, uint8, uint16 or int64 tensors called images and labels", "%v", err)
	}
	a.kind = "safetensors"
	for _, t := range tensors {
		if len(t.Shape) == 0 {
			a.pass(t.Name)
			continue
		}
		a.add(t.Name, func() (*array.Numbers, error) {
			return array.NumbersOf(t.Name, safeTypes[t.DType], t.Shape, false, t.Data)
		})
	}
	return a.pick()
}

// safeTypes are the types of safetensors as NumPy writes them.
var safeTypes = map[string]string{checkpoint.DTypeF16: "<f2", checkpoint.DTypeF32: "<f4", checkpoint.DTypeF64: "<f8",
	checkpoint.DTypeU8: "|u1", checkpoint.DTypeU16: "<u2", checkpoint.DTypeI64: "<i8"}

// An archive that holds more than this, and more than so many times its own bytes, is made to fill
// the memory: images hardly shrink, and labels are small.
const (
	freeBytes    = 32 << 20
	maxExpansion = 64
)

// checkExpansion refuses an archive that is much smaller than what it says that it holds, which is
// also the most that is read of it.
func (a *arrays) checkExpansion(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return wrong(a.path, ErrFormat, "save it again", "%v", err)
	}
	most, sum := max(freeBytes, maxExpansion*uint64(size)), uint64(0)
	for _, e := range z.File {
		if sum += e.UncompressedSize64; e.UncompressedSize64 > most || sum > most {
			return wrong(a.path, ErrTooLarge, "save it without compression, as with numpy.savez",
				"an archive of %d bytes that holds more than %d times as many", size, maxExpansion)
		}
	}
	return nil
}

// npz reads an archive of NumPy arrays.
func (a *arrays) npz(tree *files.Tree, name string) (out *found, err error) {
	n, err := array.OpenNamed(tree, name)
	if err != nil {
		return nil, caused(a.path, ErrFormat, err)
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	a.kind = "NumPy archive (.npz)"
	if len(n.Names()) > maxArrays {
		return nil, wrong(a.path, ErrTooLarge, "save only images and labels", "%d arrays", len(n.Names()))
	}
	for _, one := range n.Names() {
		a.add(one, func() (*array.Numbers, error) { return n.Read(one) })
	}
	return a.pick()
}
