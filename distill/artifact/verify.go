package artifact

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"github.com/distillmesh/distillmesh/train/view"
)

// chunkBytes is how much of the tensors VerifySet holds at a time, or one image.
const chunkBytes = 256 << 10

// VerifySet verifies a set of a task as ReadSet does, but reads its tensors in pieces:
// memory does not grow with the number of images. It refuses what ReadSet refuses, and
// metadata in the tensors' file, which no set has.
func VerifySet(fsys fs.FS, task *data.Task, limits Limits) (Manifest, error) {
	limits = limits.withDefaults()
	m, stream, err := readManifest(fsys, task, limits)
	if err != nil {
		return m, invalid("set", "%w", err)
	}
	if stream != nil { // bounded by SmallBytes
		tensors := smallTensors(stream)
		places := []checkpoint.Place{{Tensor: tensors[0], Bytes: int64(len(stream))}}
		err = m.verifyTensors(task, places, memoryFile(stream), limits)
	} else {
		err = m.verifyFiles(fsys, task, limits)
	}
	if err != nil {
		return m, invalid("set", "%w", err)
	}
	return m, nil
}

// Checker fails unless tensors, which have no Data, are in name and shape those of the model
// of a name, for samples of a task; model.Check knows all models.
type Checker func(name string, task *data.Task, tensors []checkpoint.Tensor, v view.View) error

// VerifyModel verifies a model of a task as ReadModel does, but reads its weights in pieces:
// memory does not grow with their number. It refuses what ReadModel refuses, and metadata in
// the weights' file, which no model has.
func VerifyModel(fsys fs.FS, task *data.Task, limits Limits, check Checker) (ModelManifest, error) {
	m, err := readModelOf(fsys, task, limits)
	if err != nil {
		return m, err
	}
	if err := hashFiles(fsys, ModelFile, m.Files, limits.withDefaults(), nil); err != nil {
		return m, invalid("model", "%w", err)
	}
	places, err := headerOf(fsys, WeightsFile, m.Files[WeightsFile].Bytes, checkpoint.Limits{})
	if err != nil {
		return m, invalid("model", "%s: %w", WeightsFile, err)
	}
	tensors := make([]checkpoint.Tensor, len(places))
	for i, p := range places {
		tensors[i] = p.Tensor
	}
	if err := check(m.Model, task, tensors, m.View()); err != nil {
		return m, invalid("model", "%s: %w", m.Model, err)
	}
	at := sectionsOf(fsys, WeightsFile)
	for _, p := range places {
		if err := checkFinite(p, at); err != nil {
			return m, invalid("model", "%s: %w", WeightsFile, err)
		}
	}
	return m, nil
}

// headerOf reads where the tensors of a file of a given size are, and refuses metadata.
func headerOf(fsys fs.FS, name string, size int64, limits checkpoint.Limits) ([]checkpoint.Place, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	places, meta, err := checkpoint.DecodeHeader(f, size, limits)
	if err == nil && len(meta) > 0 {
		err = errors.New("holds metadata")
	}
	return places, err
}

// checkFinite reads a tensor of F32 in pieces.
func checkFinite(p checkpoint.Place, at section) error {
	if p.DType != checkpoint.DTypeF32 {
		return fmt.Errorf("%s is %s, want F32", p.Name, p.DType)
	}
	r, err := at(p.Offset, p.Bytes)
	if err != nil {
		return err
	}
	defer r.Close()
	piece := make([]byte, min(chunkBytes, p.Bytes))
	for left := p.Bytes; left > 0; left -= int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), left)]
		if _, err := io.ReadFull(r, piece); err != nil {
			return err
		}
		values, err := checkpoint.Tensor{Name: p.Name, DType: p.DType, Shape: []int{len(piece) / 4}, Data: piece}.Float32s()
		if err == nil {
			err = checkpoint.CheckFinite(p.Name, values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// section reads bytes of the tensors' file.
type section func(offset, bytes int64) (io.ReadCloser, error)

func memoryFile(content []byte) section {
	return func(offset, size int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content[offset : offset+size])), nil
	}
}

// verifyFiles verifies the files of a set with a manifest.
func (m *Manifest) verifyFiles(fsys fs.FS, task *data.Task, limits Limits) error {
	if err := checkSetFiles(m.Files); err != nil {
		return err
	}
	if err := hashFiles(fsys, ManifestFile, m.Files, limits, nil); err != nil {
		return err
	}
	places, err := headerOf(fsys, DataFile, m.Files[DataFile].Bytes, checkpoint.Limits{Tensors: 16, Rank: 4})
	if err != nil {
		return fmt.Errorf("%s: %w", DataFile, err)
	}
	return m.verifyTensors(task, places, sectionsOf(fsys, DataFile), limits)
}

// sectionsOf reads sections of a file, each through a handle of its own.
func sectionsOf(fsys fs.FS, name string) section {
	return func(offset, bytes int64) (io.ReadCloser, error) {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		if s, ok := f.(io.Seeker); ok {
			_, err = s.Seek(offset, io.SeekStart)
		} else {
			_, err = io.CopyN(io.Discard, f, offset)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{bufio.NewReader(io.LimitReader(f, bytes)), f}, nil
	}
}

// verifyTensors verifies tensors against the task and the manifest.
func (m *Manifest) verifyTensors(task *data.Task, places []checkpoint.Place, at section, limits Limits) error {
	code, err := m.Images.DType.Code(task.Shape)
	if err != nil {
		return err
	}
	seen := &seenTensors{counts: make([]int, len(task.Classes))}
	if code != nil {
		err = m.verifyCoded(*code, task, places, at, limits.DecodedBytes, seen)
	} else {
		err = m.verifyPixels(task, places, at, seen)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", DataFile, err)
	}
	if err := m.agreesWith(*seen); err != nil {
		return fmt.Errorf("%s: %w", ManifestFile, err)
	}
	return nil
}

// verifyPixels decodes a few images at a time, and with them their ranges and labels.
func (m *Manifest) verifyPixels(task *data.Task, places []checkpoint.Place, at section, seen *seenTensors) error {
	first := 0
	return eachChunk(places, at, func(tensors []checkpoint.Tensor, n int) error {
		s, pixels, err := decodeSamples(tensors, task, m.Formation)
		if err != nil {
			return fmt.Errorf("from image %d: %w", first, err)
		}
		first += n
		seen.add(s, pixels)
		return nil
	})
}

// eachChunk cuts tensors of one length into pieces of that many rows.
func eachChunk(places []checkpoint.Place, at section, do func(tensors []checkpoint.Tensor, n int) error) error {
	rows, width := -1, int64(1)
	for _, p := range places {
		switch {
		case len(p.Shape) == 0 || p.Shape[0] < 1 || rows >= 0 && p.Shape[0] != rows:
			return fmt.Errorf("tensor %q has shape %v, want one row per image", p.Name, p.Shape)
		default:
			rows = p.Shape[0]
			width += p.Bytes / int64(rows)
		}
	}
	if rows < 0 {
		return errors.New("no tensors")
	}
	readers := make([]io.Reader, len(places))
	for i, p := range places {
		r, err := at(p.Offset, p.Bytes)
		if err != nil {
			return err
		}
		defer r.Close()
		readers[i] = r
	}
	step := int(max(1, chunkBytes/width))
	for done := 0; done < rows; done += step {
		n := min(step, rows-done)
		tensors := make([]checkpoint.Tensor, len(places))
		for i, p := range places {
			t := p.Tensor
			t.Shape = slices.Clone(p.Shape)
			t.Shape[0] = n
			t.Data = make([]byte, p.Bytes/int64(rows)*int64(n))
			if _, err := io.ReadFull(readers[i], t.Data); err != nil {
				return err
			}
			tensors[i] = t
		}
		if err := do(tensors, n); err != nil {
			return err
		}
	}
	return nil
}

// verifyCoded decodes the levels of one image at a time.
func (m *Manifest) verifyCoded(c spectrum.Code, task *data.Task, places []checkpoint.Place, at section, most int64,
	seen *seenTensors) error {
	f := form{m.Images.DType, m.Formation, m.Counts}
	byName := map[string]checkpoint.Place{}
	for _, p := range places {
		byName[p.Name] = p
	}
	stream, ok := byName[codeTensor]
	if !ok || stream.DType != checkpoint.DTypeU8 || len(stream.Shape) != 1 {
		return fmt.Errorf("holds no %q of U8", codeTensor)
	}
	if err := f.checkCode(c, task, int(stream.Bytes), most); err != nil {
		return err
	}
	labels, soft := byName[labelsTensor]
	if known := map[bool]int{false: 1, true: 2}[soft]; len(places) != known {
		return fmt.Errorf("holds %d tensors, want %d", len(places), known)
	}
	seen.shape, seen.pixels, seen.soft = c.Shape, f.pixels, soft
	var failed error
	source := inOrderOf(m.Counts)
	if soft {
		source = softLabels(labels, at, task, sum(m.Counts), &failed)
	}
	t, err := frequency.Open(c)
	if err != nil {
		return err
	}
	r, err := at(stream.Offset, stream.Bytes)
	if err != nil {
		return err
	}
	defer r.Close()
	err = t.Check(r, int(stream.Bytes), func(yield func(int) bool) {
		for y := range source {
			seen.counts[y]++
			seen.images++
			if !yield(y) {
				return
			}
		}
	})
	return errors.Join(failed, err)
}

func sum(counts []int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}

// inOrderOf are labels that stand class after class.
func inOrderOf(counts []int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for class, n := range counts {
			for range n {
				if !yield(class) {
					return
				}
			}
		}
	}
}

// softLabels are the greatest of each row of soft labels; what is wrong with them ends up
// in failed.
func softLabels(p checkpoint.Place, at section, task *data.Task, n int, failed *error) iter.Seq[int] {
	return func(yield func(int) bool) {
		if p.DType != checkpoint.DTypeF32 {
			*failed = fmt.Errorf("labels are %s, beside a code they are F32 or left out", p.DType)
			return
		}
		if !slices.Equal(p.Shape, []int{n, len(task.Classes)}) {
			*failed = fmt.Errorf("labels are %s %v, want %v", p.DType, p.Shape, []int{n, len(task.Classes)})
			return
		}
		stopped := errors.New("stopped")
		err := eachChunk([]checkpoint.Place{p}, at, func(tensors []checkpoint.Tensor, rows int) error {
			s := &data.Samples{Classes: len(task.Classes)}
			if err := decodeLabels(s, tensors[0], rows); err != nil {
				return err
			}
			for _, y := range s.Y {
				if !yield(y) {
					return stopped
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			*failed = err
		}
	}
}
