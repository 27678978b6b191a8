// Package open finds a data set at a path, reads it in any of the formats, applies a
// task (known, given or derived), and reports how (docs/data.md).
package open

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// Errors of Open.
var (
	ErrNoData      = errors.New("no data set found")
	ErrUnknownData = errors.New("not a data set this program recognizes")
)

// Formats are the kinds of data that Open reads, as help texts list them.
const Formats = "IDX or CIFAR files, a table (CSV or Parquet), arrays (.npz, .npy, .mat, pickled), a folder of " +
	"pictures for each class, or a zip or tar archive of these"

// known names the task of a training image file, or of all five of CIFAR-10 one
// after the other, by the SHA-256 of the decompressed content.
var known = map[string]string{
	"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db": "mnist",
	"a0181da372c0d63a5920fdbea2ec3f83ecbc552d378218e1cb473cf634941a3b": "cifar-10",
	"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888": "fashion-mnist",
}

// Open reads the data set at path: GlyphPath, or data in one of the Formats,
// gzip or not. Its task is recognized from the content of well-known files; any
// other data needs a task, since a shape alone decides nothing. task may be nil.
func Path(path string, task *data.Task) (*data.Dataset, error) { return Reading{}.Open(path, task) }

// Open reads the data set at path like the function Open, with the settings r.
func (r Reading) Open(path string, task *data.Task) (*data.Dataset, error) {
	if path == data.GlyphPath {
		return data.GlyphDigits(), nil
	}
	var want data.Shape
	if task != nil {
		want = task.Shape
	}
	c, err := r.find(path, task, want)
	if err != nil {
		return nil, err
	}
	if task == nil {
		if task = c.known; task == nil {
			return nil, fmt.Errorf("open %s: %w", path, ErrUnknownData)
		}
	}
	return c.bind(task, r)
}

// OpenOrDerive reads the data set at path: as its task when it is well known, and
// else as a task derived from it, with the fields given in draft.
func (r Reading) OpenOrDerive(path string, draft data.Task) (ds *data.Dataset, made bool, err error) {
	if path == data.GlyphPath {
		return data.GlyphDigits(), false, nil
	}
	c, err := r.find(path, nil, draft.Shape)
	if err != nil {
		return nil, false, err
	}
	if c.known != nil {
		ds, err = c.bind(c.known, r)
		return ds, false, err
	}
	ds, _, err = r.derive(c, draft)
	return ds, true, err
}

// recognize finds the well-known task of a training part by its content; nil when
// it is none.
func recognize(p *files.Part) *data.Task {
	if p.Bytes == nil || !p.Numbered || p.Len() < 1 {
		return nil
	}
	sum := sha256.New()
	switch d := p.Dims; {
	case slices.Equal(d, []int{28, 28}), slices.Equal(d, []int{1, 28, 28}), slices.Equal(d, []int{784}):
		// As an IDX file holds the images: magic number, count, rows, columns.
		head := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(p.Len()))
		sum.Write(append(head, 0, 0, 0, 28, 0, 0, 0, 28))
		sum.Write(p.Bytes)
	case slices.Equal(d, []int{3, 32, 32}):
		for i, y := range p.Labels { // as records of the binary version
			label, err := strconv.ParseUint(p.Names[y], 10, 8)
			if err != nil {
				return nil
			}
			sum.Write([]byte{byte(label)})
			sum.Write(p.Bytes[i*p.Size() : (i+1)*p.Size()])
		}
	default:
		return nil
	}
	return data.WellKnownTask(known[hex.EncodeToString(sum.Sum(nil))])
}
