package exchange

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/torch"
)

// Form is how images are written.
type Form string

// The forms that the DD-Ranking package reads.
const (
	Tensor   Form = "tensor" // images.pt: float32, class after class
	Pictures Form = "image"  // images/CLASS/NUMBER.png: 8 bits for each channel
)

// ExportOptions say how a set is written; the zero value writes tensors with the recipe of the
// set's method.
type ExportOptions struct {
	Form   Form   // empty for Tensor
	Recipe string // the method whose recipe the configuration has; empty for that of the set
	Model  string // model_name of the configuration; empty for that of the recipe
}

// Exported is a set as it was written.
type Exported struct {
	Dir   string
	Files []string // names in the folder; of pictures, the folder of all
	Form  Form
	// Config is what config.yaml says.
	Config Config
	// Exact reports whether Read gives the same samples, bit for bit.
	Exact bool
	Notes []files.Note
}

// Lines tells as text what was written and what is to be known of it.
func (e *Exported) Lines() []string {
	return append([]string{fmt.Sprintf("%s: %s, for data set %s of the DD-Ranking package, model %s", e.Dir,
		strings.Join(e.Files, ", "), e.Config.Dataset, e.Config.Model)}, noteLines(e.Notes)...)
}

// exporting is the state of writing one set.
type exporting struct {
	out     *Exported
	task    *data.Task
	cid     string
	samples *data.Samples // class after class
	each    int           // images of each class; 0 when they are not as many
	account *files.Account
}

// Write writes a set into a folder that is empty or not there, as the DD-Ranking package reads it:
// images; labels.pt where labels are soft, or are not told by the order of images; and
// config.yaml with the keys of its evaluators. Stored tiles become whole images.
//
// Tensors of a data set that the package knows are standardized with its constants, those of
// another task with the task's. Rows of labels that are probabilities become their logarithms,
// since the package takes a softmax of them.
func Write(dir string, set *artifact.Set, task *data.Task, opt ExportOptions) (*Exported, error) {
	if opt.Form == "" {
		opt.Form = Tensor
	}
	if !known(opt.Form, Tensor, Pictures) {
		return nil, wrong(dir, ErrOption, "write tensor or image", "form %q", opt.Form)
	}
	cid, err := artifact.TaskCID(task)
	if err != nil {
		return nil, err
	}
	if set.Manifest.Task != cid.String() {
		return nil, wrong(dir, ErrExport, "name the task that it was made for", "the set is of task %s, not of %s",
			set.Manifest.TaskName, task.Name)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, wrong(dir, ErrExport, "name a folder that is empty or not there", "the folder has files in it")
	}
	e := &exporting{out: &Exported{Dir: dir, Form: opt.Form}, task: task, cid: cid.String(), account: &files.Account{},
		samples: classAfterClass(set.TrainingSamples())}
	if tiles := set.Manifest.Formation.Tiles(); tiles > 1 || set.Manifest.Formation.Factor > 1 {
		e.account.See("tiles", "%d stored images of %d tiles become %d whole images", set.Samples.Len(), tiles,
			e.samples.Len())
	}
	e.count()
	e.out.Config = e.config(set.Manifest.Method.Name, opt)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if opt.Form == Tensor {
		err = e.tensor()
	} else {
		err = e.pictures()
	}
	if err == nil {
		err = e.labels()
	}
	if err == nil {
		err = e.write(configFile, []byte(e.out.Config.YAML()))
	}
	e.out.Notes = e.account.Notes
	return e.out, err
}

// count finds how many images there are of each class.
func (e *exporting) count() {
	members := e.samples.ByClass()
	most := 0
	for _, m := range members {
		most = max(most, len(m))
	}
	if e.each = most; slices.ContainsFunc(members, func(m []int) bool { return len(m) != most }) {
		e.each = 0
		e.account.Warn("uneven", "", "classes have different numbers of images, and the package draws %d random images of "+
			"every class to compare with", most)
	}
}

// write writes a file of the folder.
func (e *exporting) write(name string, content []byte) error {
	e.out.Files = append(e.out.Files, name)
	return os.WriteFile(filepath.Join(e.out.Dir, name), content, 0o666)
}

// tensor writes images.pt.
func (e *exporting) tensor() error {
	s := e.samples
	rec := &record{task: e.cid, mean: e.task.Mean, std: e.task.Std}
	if o := officialOf(e.task); o != nil {
		rec.mean, rec.std = o.mean, o.std
	}
	y := standardized(s.X, e.task, rec.mean, rec.std)
	if err := checkpoint.CheckFinite("images", y); err != nil {
		return wrong(e.out.Dir, ErrExport, "", "%v", err)
	}
	if !slices.Equal(rec.mean, e.task.Mean) || !slices.Equal(rec.std, e.task.Std) {
		rec.exact = s.X // the way back rounds again
	}
	e.out.Exact = true
	return e.torch(imagesFile, torch.Tensor{Dims: []int{s.Len(), s.Shape.C, s.Shape.H, s.Shape.W}, DType: "<f4",
		Data: floats(y)}, rec)
}

// torch writes a file of one tensor with a record.
func (e *exporting) torch(name string, t torch.Tensor, rec *record) error {
	extra, err := rec.encode()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := torch.Write(&out, strings.TrimSuffix(name, filepath.Ext(name)), t, extra); err != nil {
		return err
	}
	return e.write(name, out.Bytes())
}

func floats(x []float32) []byte {
	out := make([]byte, 0, 4*len(x))
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// labels writes labels.pt where it is needed.
func (e *exporting) labels() error {
	s := e.samples
	switch {
	case s.Soft != nil:
		rows, rec := s.Soft, &record{task: e.cid, soft: Targets}
		if areDistributions(s) {
			rows, rec.soft, rec.exact = logits(s.Soft), Logits, s.Soft
		} else {
			e.account.Warn("targets", "", "labels were learned for kernel regression and are no probabilities: config.yaml is "+
				"for hard labels, and %s has the rows as they are", labelsFile)
		}
		if e.out.Form == Pictures {
			e.account.Warn("soft-pictures", "", "the package takes the labels of pictures from their folders: soft labels need "+
				"the form tensor")
		}
		return e.torch(labelsFile, torch.Tensor{Dims: []int{s.Len(), s.Classes}, DType: "<f4", Data: floats(rows)}, rec)
	case e.each == 0 && e.out.Form == Tensor:
		var numbers []byte
		for _, y := range s.Y {
			numbers = binary.LittleEndian.AppendUint64(numbers, uint64(y))
		}
		return e.torch(labelsFile, torch.Tensor{Dims: []int{s.Len()}, DType: "<i8", Data: numbers},
			&record{task: e.cid, soft: numbered})
	}
	return nil
}
