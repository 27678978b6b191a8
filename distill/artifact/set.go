package artifact

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"testing/fstest"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Set is a distilled set as read back.
type Set struct {
	Manifest Manifest
	Samples  *data.Samples // as stored
}

// TrainingSamples are the samples to train on: of a formation, each tile at
// full size.
func (s *Set) TrainingSamples() *data.Samples { return s.Manifest.Formation.Decode(s.Samples) }

// SetDraft is all that a set is written from.
type SetDraft struct {
	Task       *data.Task
	Method     distill.Method
	Settings   map[string]string // of the method, that differ from its defaults
	IPC        int
	Seed       uint64
	Result     *distill.Result
	Disclosure distill.Disclosure // measured on the images after rounding
	Pixels     PixelType
	Recipe     *recipe.Recipe // recommended training, or nil
	Licence    string
	// Bare leaves out what is for eyes: the preview and the card.
	Bare bool
}

// Draft completes a draft for the samples that its result was distilled from:
// what the images disclose, as they will be read back, and the usual recipe
// where the method recommends none. It fails with ErrPixels on a pixel type that
// does not exist.
func Draft(ctx context.Context, d SetDraft, local *data.Samples) (SetDraft, error) {
	rounded, err := RoundTrip(d.Result.Images, d.Pixels)
	if err != nil {
		return d, err
	}
	if d.Disclosure, err = distill.Disclose(ctx, rounded, local, d.Result.Formation.OrDefault()); err != nil {
		return d, err
	}
	d.Result = fewest(d.Result, local)
	d.Recipe = Recommended(d.Result.Recipe, d.Result.Formation, d.Result.Images.Soft != nil)
	return d, nil
}

// Recommended is the recipe that a set recommends: its method's own, else the
// default, with the view that samples made into tiles want (labels that were solved
// were solved for whole images).
func Recommended(own *recipe.Recipe, f data.Formation, soft bool) *recipe.Recipe {
	if own != nil {
		return own
	}
	r := recipe.Default()
	if !soft {
		r.Coarse = f.Coarse()
	}
	return &r
}

// fewest is the result with a smallest group no larger than the samples of any
// class, where those are too few to hide in: whatever a method makes of three
// samples shows the three.
func fewest(r *distill.Result, local *data.Samples) *distill.Result {
	out := *r
	for _, members := range local.ByClass() {
		if n := len(members); n > 0 && n < distill.LeastGroup && (out.SmallestGroup == 0 || n < out.SmallestGroup) {
			out.SmallestGroup = n
		}
	}
	return &out
}

// WriteSet lays a set out as files. ReadSet accepts them and reads the same
// manifest; what it would refuse is an error here.
func WriteSet(d SetDraft) (fstest.MapFS, error) {
	taskCID, err := TaskCID(d.Task)
	if err != nil {
		return nil, err
	}
	tensors, err := encodeSamples(d.Result.Images, d.Pixels)
	if err != nil {
		return nil, err
	}
	content, err := checkpoint.Encode(tensors, nil)
	if err != nil {
		return nil, fmt.Errorf("write set: %w", err)
	}
	stored, _, err := decodeSamples(tensors, d.Task, d.Result.Formation.OrDefault())
	if err != nil {
		return nil, fmt.Errorf("write set: %w", err)
	}
	m := d.manifest(taskCID, stored)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("write set: %w", err)
	}
	files := fstest.MapFS{DataFile: {Data: content, Mode: 0o644}}
	if !d.Bare {
		picture, err := preview(d.Task, stored, PreviewBytes(len(content)))
		if err != nil {
			return nil, fmt.Errorf("write set: %w", err)
		}
		if picture != nil {
			files[PreviewFile] = &fstest.MapFile{Data: picture, Mode: 0o644}
		}
		files[CardFile] = &fstest.MapFile{Data: Card(d.Task, m), Mode: 0o644}
	}
	m.Files = fileTable(files)
	doc, err := canonicalJSON(m)
	if err != nil {
		return nil, fmt.Errorf("write set: %w", err)
	}
	files[ManifestFile] = &fstest.MapFile{Data: doc, Mode: 0o644}
	return files, nil
}

// manifest says what is written: every field is taken from images as stored, as
// a reader will see them, since rounding may change what was true before.
func (d SetDraft) manifest(task cid.Cid, images *data.Samples) Manifest {
	labels := "hard"
	if images.Soft != nil {
		labels = "soft"
	}
	return Manifest{
		SchemaVersion: SchemaVersion,
		Kind:          "set",
		Task:          task.String(),
		TaskName:      d.Task.Name,
		Method: MethodInfo{Name: d.Method.Name(), Version: d.Method.Version(), IPC: d.IPC, Seed: d.Seed,
			Settings: d.Settings},
		Images: ImagesInfo{Count: images.Len(), Shape: [3]int{images.Shape.C, images.Shape.H, images.Shape.W},
			DType: d.Pixels, Labels: labels},
		Counts:        countLabels(images),
		Consumer:      d.Result.Consumer,
		Recipe:        d.Recipe,
		Formation:     d.Result.Formation.OrDefault(),
		ContainsReal:  d.Disclosure.ContainsReal(),
		NearestReal:   d.Disclosure.NearestReal(),
		SmallestGroup: d.Result.SmallestGroup,
		Licence:       d.Licence,
	}
}

func countLabels(s *data.Samples) []int {
	out := make([]int, s.Classes)
	for _, y := range s.Y {
		out[y]++
	}
	return out
}

// ReadSet reads and verifies a set of a task: sizes before allocating, hashes,
// shapes, types, finite values, label range, and the manifest against the
// tensors. Every refusal wraps ErrInvalid and names the fact.
func ReadSet(fsys fs.FS, task *data.Task, limits Limits) (*Set, error) {
	limits = limits.withDefaults()
	m, err := readManifest(fsys, task, limits)
	if err != nil {
		return nil, invalid("set", "%w", err)
	}
	files, err := readFiles(fsys, ManifestFile, m.Files, limits)
	if err != nil {
		return nil, invalid("set", "%w", err)
	}
	if _, ok := files[DataFile]; !ok {
		return nil, invalid("set", "%s is missing", DataFile)
	}
	for name := range files {
		if name != DataFile && name != PreviewFile && name != CardFile {
			return nil, invalid("set", "%s has no place in a set", name)
		}
	}
	tensors, _, err := checkpoint.Decode(files[DataFile], checkpoint.Limits{Tensors: 16, Rank: 4})
	if err != nil {
		return nil, invalid("set", "%s: %w", DataFile, err)
	}
	samples, pixels, err := decodeSamples(tensors, task, m.Formation)
	if err != nil {
		return nil, invalid("set", "%s: %w", DataFile, err)
	}
	if err := m.agrees(samples, pixels); err != nil {
		return nil, invalid("set", "%s: %w", ManifestFile, err)
	}
	return &Set{Manifest: m, Samples: samples}, nil
}

// ReadManifest reads manifest.json alone, without the task at hand; nothing
// but its form is verified.
func ReadManifest(fsys fs.FS, limits Limits) (Manifest, error) {
	var m Manifest
	doc, err := readBounded(fsys, ManifestFile, limits.withDefaults().ManifestBytes)
	if err != nil {
		return m, invalid("set", "%s: %w", ManifestFile, err)
	}
	if err := decodeJSON(doc, &m); err != nil {
		return m, invalid("set", "%s: %w", ManifestFile, err)
	}
	return m, m.check()
}

func readManifest(fsys fs.FS, task *data.Task, limits Limits) (Manifest, error) {
	m, err := ReadManifest(fsys, limits)
	if err != nil {
		return m, err
	}
	want, err := TaskCID(task)
	if err != nil {
		return m, err
	}
	if m.Task != want.String() {
		return m, fmt.Errorf("made for task %s, not for %s (%s)", m.Task, want, task.Name)
	}
	return m, nil
}

// check verifies what a manifest can tell by itself.
func (m *Manifest) check() error {
	switch {
	case m.SchemaVersion != SchemaVersion:
		return invalid(ManifestFile, "schema version %d, this program reads %d", m.SchemaVersion, SchemaVersion)
	case m.Kind != "set":
		return invalid(ManifestFile, "kind %q, want set", m.Kind)
	case m.NearestReal < 0 || m.SmallestGroup < 0:
		return invalid(ManifestFile, "nearest_real %g, smallest_group %d: want none negative", m.NearestReal, m.SmallestGroup)
	case m.ContainsReal != (m.NearestReal < distill.RealThreshold):
		return invalid(ManifestFile, "contains_real is %t beside nearest_real %g", m.ContainsReal, m.NearestReal)
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

// agrees compares the manifest with the tensors.
func (m *Manifest) agrees(s *data.Samples, pixels PixelType) error {
	shape := [3]int{s.Shape.C, s.Shape.H, s.Shape.W}
	labels := map[bool]string{false: "hard", true: "soft"}[s.Soft != nil]
	switch {
	case m.Images.Count != s.Len():
		return fmt.Errorf("says %d images, the data hold %d", m.Images.Count, s.Len())
	case m.Images.Shape != shape:
		return fmt.Errorf("says images of %v, the data are %v", m.Images.Shape, shape)
	case m.Images.DType != pixels:
		return fmt.Errorf("says %s pixels, the data are %s", m.Images.DType, pixels)
	case m.Images.Labels != labels:
		return fmt.Errorf("says %s labels, the data are %s", m.Images.Labels, labels)
	case !slices.Equal(m.Counts, countLabels(s)):
		return fmt.Errorf("says %v images a class, the data hold %v", m.Counts, countLabels(s))
	}
	return nil
}

// Bytes is what a set or a model weighs as it travels: its files and the block
// of the directory that names them, which is a dag-pb node with a link a file.
// Files of more than one chunk add a block of links each, left out here.
func Bytes(files fstest.MapFS) int64 {
	const (
		header = 4                  // the node's own UnixFS data, a directory
		link   = 2 + 2 + 36 + 2 + 1 // frames, the CID, the tags of name and size
	)
	total := int64(header)
	for name, f := range files {
		size := int64(len(f.Data))
		total += size + link + int64(len(name)) + int64(len(binary.AppendUvarint(nil, uint64(size))))
	}
	return total
}
