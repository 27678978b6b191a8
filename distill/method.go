// Package distill defines distillation: a Method turns the local samples of a
// device into a few images that train a model almost as well, and every result
// carries measurements of what it discloses.
package distill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Errors of methods.
var (
	ErrNoSamples = errors.New("no samples to distill")
	ErrTooFew    = errors.New("a class has too few samples")
	ErrBudget    = errors.New("budget out of range")
	ErrUnknown   = errors.New("unknown method")
)

// Method is a distillation method. It draws only from Request.Seed, reads only
// Request.Samples, and gives the same bits for any number of workers.
type Method interface {
	// Name is the name that the user types: gmm.
	Name() string
	// Version is incremented whenever the same request would give other images.
	Version() int
	// Summary is one line for lists.
	Summary() string
	// Settings are the method's hyper-parameters, as the manifest records them.
	Settings() map[string]string
	// With is the method with some settings changed, by the names of Settings.
	// It fails with ErrOption when one is unknown or out of range.
	With(settings map[string]string) (Method, error)
	// Outline describes the set of a request before any work. It
	// fails with data.ErrFormation where Distill would.
	Outline(req Request) (Outline, error)
	// Distill makes the set. It returns ctx's error when interrupted.
	Distill(ctx context.Context, req Request) (*Result, error)
}

// Request is what a method is asked to do.
type Request struct {
	Samples *data.Samples // local data in task space
	IPC     int           // stored images per class held, at least 1
	Seed    uint64
	// Formation is how many tiles lie along a side of a stored image: 1 for
	// plain images, 0 for the method's default. A method that does not support
	// it fails with data.ErrFormation.
	Formation int
	// Single asks for stored images of one tile each, at a tile's resolution; it
	// changes nothing for plain images.
	Single bool
	// Code, when not nil, is how images will be written: methods that learn images learn the
	// coefficients of the code, rounded as it rounds them. Images are then plain.
	Code *spectrum.Code
	// Augment is the augmentation that suits the images of the task
	// (data.Task.Augmentation), or empty when unknown.
	Augment string
	// Device is where the method computes; the number of its workers does not
	// change the result.
	Device device.Choice
	// Cache is a folder for what a method may reuse in other requests, such as
	// networks trained on the samples; empty: nothing is kept. It does not
	// change the result.
	Cache string
	// Progress, when not nil, is called from the method's goroutine.
	Progress func(Progress)
	// Checkpoint, when not nil, is given a state from time to time, and once more
	// before a method returns, finished or interrupted; only the method interprets
	// the bytes. Resuming the state of a finished run gives the result at once.
	Checkpoint func(state []byte) error
	// Resume is the state that the same request was last checkpointed with, or
	// nil. The result has the same bits as without the interruption.
	Resume []byte
}

// Progress is how far a method is; Loss is NaN where there is none.
type Progress struct {
	Done, Total int
	Loss        float64
}

// Outline is what a request decides of a result before any image is made: what a
// budget of bytes is computed with, and what controls have to copy.
type Outline struct {
	Formation data.Formation
	Consumer  string         // as in Result
	Recipe    *recipe.Recipe // as in Result
	// Soft reports whether labels will be rows of class probabilities or scores.
	Soft bool
	// Natural reports whether images are or resemble real ones, so that a frequency code suits them.
	Natural bool
	// Real reports whether images are real samples, so that nothing else needs to be measured.
	Real bool
	// InRange reports whether every channel stays within the range of the samples.
	InRange bool
	// Grouped reports whether the result will name a smallest group.
	Grouped bool
	// OnEngine reports whether the images are computed by the engine of the request's
	// device; else on the processor, whatever the device.
	OnEngine bool
	// MinSamplesPerImage is how many samples should be averaged into an image at least; 0 for one.
	MinSamplesPerImage int
	// MaxImagesPerClass is the number of images per class beyond which more add nothing; 0 for no bound.
	MaxImagesPerClass int
}

// Result is a distilled set before it is written.
type Result struct {
	Images *data.Samples // as stored: class after class, IPC images per class held
	// Formation says what one stored image holds; its zero value is a plain
	// image.
	Formation data.Formation
	// Consumer names the model the images were made for (lenet, ntk:1), or is
	// empty when they were made for no particular model.
	Consumer string
	// SmallestGroup is the fewest real samples averaged into one image; 0 for
	// methods that do not average.
	SmallestGroup int
	// Recipe is how to train on the images, nil for the default.
	Recipe *recipe.Recipe
	// Warnings tell the user about problems of the run.
	Warnings []string
}

// Check refuses a request that no method can satisfy.
func (r Request) Check() error {
	switch {
	case r.Samples == nil || r.Samples.Len() == 0:
		return ErrNoSamples
	case r.IPC < 1:
		return fmt.Errorf("%w: %d images per class, want at least 1", ErrBudget, r.IPC)
	}
	if err := r.CheckCode(); err != nil {
		return err
	}
	if r.Formation != 0 {
		f := r.StoredAs(r.Formation)
		f.Factor = r.Formation // a negative one is to be refused
		if err := f.Validate(r.Samples.Shape); err != nil {
			return err
		}
	}
	for c, index := range r.Samples.ByClass() {
		if len(index) > 0 && len(index) < r.IPC {
			return fmt.Errorf("%w: class %d has %d, the budget asks for %d images of it", ErrTooFew, c, len(index), r.IPC)
		}
	}
	return nil
}

// CheckCode fails with spectrum.ErrSpectrum where the code is of other images, and with
// data.ErrFormation together with tiles.
func (r Request) CheckCode() error {
	switch {
	case r.Code == nil:
		return nil
	case r.Code.Shape != r.Samples.Shape:
		return fmt.Errorf("%w: a code of %v for samples of %v", spectrum.ErrSpectrum, r.Code.Shape, r.Samples.Shape)
	case r.Formation > 1:
		return fmt.Errorf("%w: coded images hold no tiles, %d x %d were asked for", data.ErrFormation, r.Formation,
			r.Formation)
	}
	return r.Code.Validate()
}

// StoredAs is the formation of a factor, with single tiles if the request asks
// for them.
func (r Request) StoredAs(factor int) data.Formation {
	f := data.NewFormation(factor)
	if r.Single {
		f = f.SingleTile()
	}
	return f
}

// ID identifies everything that the result of a method in a formation depends on.
func (r Request) ID(m Method, f data.Formation) string {
	settings, err := json.Marshal(m.Settings())
	if err != nil {
		panic(err) // strings
	}
	what := fmt.Sprintf("%s %d %s %d %d %+v %s\n", m.Name(), m.Version(), settings, r.IPC, r.Seed, f, r.Augment)
	if r.Code != nil {
		what += fmt.Sprintf("%+v\n", *r.Code)
	}
	return r.Device.Identity(checkpoint.Identity(what, r.Samples))
}

// Save gives a state to the request's checkpoint function, if there is one.
func (r Request) Save(state func() checkpoint.State) error {
	if r.Checkpoint == nil {
		return nil
	}
	file, err := state().Encode()
	if err != nil {
		return err
	}
	return r.Checkpoint(file)
}

// Plain refuses a formation, for methods that make only plain images.
func (r Request) Plain() (data.Formation, error) {
	f := data.NewFormation(1)
	if r.Formation > 1 {
		return f, fmt.Errorf("%w: the method makes plain images, %d x %d tiles were asked for", data.ErrFormation,
			r.Formation, r.Formation)
	}
	return f, nil
}

// Asked is the requested formation, that of plain images by default.
func (r Request) Asked() (data.Formation, error) {
	f := r.StoredAs(r.Formation)
	return f, f.Validate(r.Samples.Shape)
}

// Report calls the request's progress function when there is one.
func (r Request) Report(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}
