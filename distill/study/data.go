package study

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/model"
)

// Errors of a source, besides those of file readers.
var (
	// ErrTask means that there is no built-in task of the name.
	ErrTask = errors.New("unknown task")
	// ErrAugment means that the task of the data fixes the augmentation.
	ErrAugment = errors.New("augmentation refused")
	// ErrValidation means that so many samples cannot be held out to validate on.
	ErrValidation = errors.New("validation part refused")
	// ErrHoldout means that there is no test part, and none can be held out.
	ErrHoldout = errors.New("no test part")
)

// Source is the data of a study.
type Source struct {
	Path string
	// Task is a built-in task that the data belong to; empty for what is recognized,
	// or else for one derived from the data.
	Task    string
	Augment string // augmentation of a derived task
	Reading open.Reading
}

// Open reads well-known data as their task, other data as a task of their own.
func (s Source) Open() (*data.Dataset, error) {
	if s.Task != "" {
		known := data.WellKnownTask(s.Task)
		if known == nil {
			return nil, fmt.Errorf("%w: %q is no built-in task", ErrTask, s.Task)
		}
		if s.Augment != "" {
			return nil, s.refuseAugment(known)
		}
		return s.Reading.Open(s.Path, known)
	}
	name, err := taskName(s.Path)
	if err != nil {
		return nil, err
	}
	ds, derived, err := s.Reading.OpenOrDerive(s.Path,
		data.Task{Version: data.TaskVersion, Name: name, Augment: s.Augment})
	if err == nil && s.Augment != "" && !derived {
		return nil, s.refuseAugment(ds.Task)
	}
	return ds, err
}

func (s Source) refuseAugment(t *data.Task) error {
	return fmt.Errorf("%w: %s belong to the task %s, which says how its samples may change", ErrAugment, s.Path, t.Name)
}

// taskName names a task after a file without its endings, or after a folder.
func taskName(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	base := filepath.Base(path)
	name := strings.TrimSuffix(base, ".gz")
	if name = strings.TrimSuffix(name, filepath.Ext(name)); name == "" {
		name = base
	}
	name = strings.ToLower(strings.ToValidUTF8(name, "_"))
	if len(name) > data.MaxNameLen {
		name = strings.ToValidUTF8(name[:data.MaxNameLen], "")
	}
	return name, nil
}

// Parts are data with the parts that a study needs. A share of the training samples
// for validation, when it is not 0, replaces the test part; without a test part some
// samples of each class are held out.
func Parts(ds *data.Dataset, validation float64) (*data.Dataset, error) {
	var err error
	if validation != 0 {
		if ds, err = ds.Validation(validation); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrValidation, err)
		}
	}
	if ds, err = ds.Holdout(data.DefaultHoldout, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHoldout, err)
	}
	return ds, nil
}

// What a study compares by default.
var (
	DefaultMethods      = []string{"random", "gmm", "kip", "dm", "fedavg:epochs=5"}
	defaultTableMethods = []string{"random", "gmm", "kip", "fedavg:epochs=5"}
	DefaultImageModels  = []string{"lenet", "convnet3:64", "ntk:1"}
	DefaultTableModels  = []string{"mlp", "ntk:1"}
)

// MethodsFor are the methods to compare on a task.
func MethodsFor(t *data.Task) []string {
	if t.IsTable() {
		return defaultTableMethods
	}
	return DefaultMethods
}

// ModelsFor are the models for images that fit a task, or those for tables when no
// network among them does.
func ModelsFor(t *data.Task) (out []string) {
	networks := 0
	for _, name := range DefaultImageModels {
		spec, err := model.Parse(name, t.Shape, len(t.Classes))
		if err != nil {
			continue
		}
		out = append(out, name)
		if spec.Iterative() {
			networks++
		}
	}
	if networks == 0 {
		return DefaultTableModels
	}
	return out
}

// Missing names the classes that no client of a ring holds.
func (p *Plan) Missing() (out []string) {
	classes := p.Data.Task.Classes
	if p.Split.Kind != data.Ring || p.Split.Validate(len(classes)) != nil {
		return nil
	}
	for at := p.Split.Clients + p.Split.PerClient - 1; at < len(classes); at++ {
		out = append(out, classes[at])
	}
	return out
}
