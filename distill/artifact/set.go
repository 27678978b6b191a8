package artifact

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// Set is a distilled set as read from its files.
type Set struct {
	Manifest Manifest
	Samples  *data.Samples // as stored: rounded to what the pixel type can hold
	// Payload is how many bytes pixels or coefficients take alone, with the ranges of pixels.
	Payload int64
}

// TrainingSamples are the samples to train on: with a formation, each tile at
// full size.
func (s *Set) TrainingSamples() *data.Samples { return s.Manifest.Formation.Decode(s.Samples) }

// Disclose compares the set's images with local samples.
func (s *Set) Disclose(ctx context.Context, local *data.Samples) (distill.Disclosure, error) {
	code, err := s.Manifest.Images.DType.Code(local.Shape)
	if err != nil {
		return distill.Disclosure{}, err
	}
	return Disclose(ctx, s.Samples, local, s.Manifest.Formation, code)
}

// ReadSet reads and verifies a set of a task: sizes before allocating, hashes,
// shapes, types, finite values, label range, and the manifest against the
// tensors. Every refusal wraps ErrInvalid and names the cause.
func ReadSet(fsys fs.FS, task *data.Task, limits Limits) (*Set, error) {
	limits = limits.withDefaults()
	m, stream, err := readManifest(fsys, task, limits)
	if err != nil {
		return nil, invalid("set", "%w", err)
	}
	name := DataFile
	var tensors []checkpoint.Tensor
	if stream != nil {
		name, tensors = SmallFile, smallTensors(stream)
	} else if tensors, err = readTensors(fsys, m, limits); err != nil {
		return nil, err
	}
	form := form{m.Images.DType, m.Formation, m.Counts}
	samples, pixels, err := form.decode(tensors, task, limits.DecodedBytes)
	if err != nil {
		return nil, invalid("set", "%s: %w", name, err)
	}
	if err := m.agrees(samples, pixels); err != nil {
		return nil, invalid("set", "%s: %w", ManifestFile, err)
	}
	return &Set{Manifest: m, Samples: samples, Payload: payload(tensors)}, nil
}

// payload is the size of pixels or coefficients among tensors.
func payload(tensors []checkpoint.Tensor) (bytes int64) {
	for _, t := range tensors {
		if t.Name != labelsTensor {
			bytes += int64(len(t.Data))
		}
	}
	return bytes
}

// readTensors reads the files of a set with a manifest.
func readTensors(fsys fs.FS, m Manifest, limits Limits) ([]checkpoint.Tensor, error) {
	if err := checkSetFiles(m.Files); err != nil {
		return nil, invalid("set", "%w", err)
	}
	content := map[string][]byte{DataFile: nil}
	if err := hashFiles(fsys, ManifestFile, m.Files, limits, content); err != nil {
		return nil, invalid("set", "%w", err)
	}
	tensors, _, err := checkpoint.Decode(content[DataFile], checkpoint.Limits{Tensors: 16, Rank: 4})
	if err != nil {
		return nil, invalid("set", "%s: %w", DataFile, err)
	}
	return tensors, nil
}

// checkSetFiles refuses files that have no place in a set.
func checkSetFiles(table map[string]FileInfo) error {
	if _, ok := table[DataFile]; !ok {
		return fmt.Errorf("%s is missing", DataFile)
	}
	for name := range table {
		if name != DataFile && name != PreviewFile && name != CardFile {
			return fmt.Errorf("%s has no place in a set", name)
		}
	}
	return nil
}

// ReadManifest reads what a set says of itself and needs no task; it verifies only the
// form. Of a set in its small form the name of the task is unknown, and counts reach only
// to the last class held.
func ReadManifest(fsys fs.FS, limits Limits) (Manifest, error) {
	m, _, err := readForm(fsys, limits)
	return m, err
}

// readForm is ReadManifest with the stream of a small form, nil for other sets.
func readForm(fsys fs.FS, limits Limits) (m Manifest, stream []byte, err error) {
	if isSmall(fsys) {
		if m, stream, err = readSmall(fsys); err != nil {
			return m, nil, invalid("set", "%s: %w", SmallFile, err)
		}
		return m, stream, m.check()
	}
	doc, err := readBounded(fsys, ManifestFile, limits.withDefaults().ManifestBytes)
	if err != nil {
		return m, nil, invalid("set", "%s: %w", ManifestFile, err)
	}
	if err := decodeJSON(doc, &m); err != nil {
		return m, nil, invalid("set", "%s: %w", ManifestFile, err)
	}
	return m, nil, m.check()
}

func readManifest(fsys fs.FS, task *data.Task, limits Limits) (m Manifest, stream []byte, err error) {
	if m, stream, err = readForm(fsys, limits); err != nil {
		return m, nil, err
	}
	want, err := TaskCID(task)
	if err != nil {
		return m, nil, err
	}
	if m.Task != want.String() {
		return m, nil, fmt.Errorf("made for task %s, not for %s (%s)", m.Task, want, task.Name)
	}
	if m.TaskName == "" {
		err = m.Complete(task)
	}
	return m, stream, err
}

// containsReal reports whether images so near to a real one, or to a changed one, count as
// real.
func containsReal(nearest float64, changed *float64) bool {
	return nearest < distill.RealThreshold || changed != nil && *changed < distill.ChangedThreshold
}

// validEngine reports whether a text can name a kind of engine.
func validEngine(name string) bool {
	return len(name) <= 16 && strings.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) < 0
}

// check verifies a manifest by itself.
func (m *Manifest) check() error {
	switch {
	case m.SchemaVersion != SchemaVersion:
		return invalid(ManifestFile, "schema version %d, this program reads %d", m.SchemaVersion, SchemaVersion)
	case m.Kind != "set":
		return invalid(ManifestFile, "kind %q, want set", m.Kind)
	case !validEngine(m.Method.Engine):
		return invalid(ManifestFile, "engine %q, want a word of at most 16 letters", m.Method.Engine)
	case m.NearestReal < 0 || m.SmallestGroup < 0:
		return invalid(ManifestFile, "nearest_real %g, smallest_group %d: want none negative", m.NearestReal, m.SmallestGroup)
	case m.NearestChanged != nil && !(*m.NearestChanged >= 0):
		return invalid(ManifestFile, "nearest_changed %g: want none negative", *m.NearestChanged)
	case m.ContainsReal != containsReal(m.NearestReal, m.NearestChanged):
		return invalid(ManifestFile, "contains_real is %t beside %s", m.ContainsReal, m.Nearness())
	}
	shape := m.Images.shape()
	if err := m.Formation.Validate(m.Formation.FullShape(shape)); err != nil {
		return invalid(ManifestFile, "formation: %w", err)
	}
	if m.Recipe != nil {
		if err := m.Recipe.Validate(); err != nil {
			return invalid(ManifestFile, "recipe: %w", err)
		}
	}
	return nil
}

// seenTensors is what tensors hold, as far as they were seen.
type seenTensors struct {
	images int
	counts []int // per class
	shape  data.Shape
	pixels PixelType
	soft   bool
}

// add counts samples.
func (t *seenTensors) add(s *data.Samples, pixels PixelType) {
	t.images += s.Len()
	for class, n := range countLabels(s) {
		t.counts[class] += n
	}
	t.shape, t.pixels, t.soft = s.Shape, pixels, s.Soft != nil
}

// agrees compares the manifest with the tensors.
func (m *Manifest) agrees(s *data.Samples, pixels PixelType) error {
	t := seenTensors{counts: make([]int, s.Classes)}
	t.add(s, pixels)
	return m.agreesWith(t)
}

// agreesWith compares the manifest with what the tensors hold.
func (m *Manifest) agreesWith(t seenTensors) error {
	shape := [3]int{t.shape.C, t.shape.H, t.shape.W}
	labels := map[bool]string{false: "hard", true: "soft"}[t.soft]
	switch {
	case m.Images.Count != t.images:
		return fmt.Errorf("says %d images, the data hold %d", m.Images.Count, t.images)
	case m.Images.Shape != shape:
		return fmt.Errorf("says images of %v, the data are %v", m.Images.Shape, shape)
	case m.Images.DType != t.pixels:
		return fmt.Errorf("says %s pixels, the data are %s", m.Images.DType, t.pixels)
	case m.Images.Labels != labels:
		return fmt.Errorf("says %s labels, the data are %s", m.Images.Labels, labels)
	case !slices.Equal(m.Counts, t.counts):
		return fmt.Errorf("says %v images per class, the data hold %v", m.Counts, t.counts)
	}
	return nil
}
