package exchange

import (
	"context"
	"regexp"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Imported is the method of an imported set without a name of its own.
const Imported = "imported"

// MakeOptions say how an imported set is written as an artifact.
type MakeOptions struct {
	// Method names how the set was made, in small letters, digits and marks, such as dm-official;
	// empty for Imported. The names of this program's methods are refused.
	Method string
	// Pixels is the pixel type; empty for the smallest of U4, U8, F16 and F32 that loses no bit.
	Pixels artifact.PixelType
	// Local are local samples of the task that the images are compared with; without them, or
	// where a class has none, nothing is known of what the set discloses, and the manifest says
	// that it contains real samples.
	Local    *data.Samples
	Consumer string         // model that the images were made for; empty for none
	Recipe   *recipe.Recipe // recommended training; nil for the default
	Licence  string
	Bare     bool // without preview and card
}

// methodName is what a method may be called.
var methodName = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]{0,63}$`)

// Make writes the set as an artifact, by the code that writes those of this program.
func (f *Foreign) Make(ctx context.Context, opt MakeOptions) (*artifact.Made, error) {
	if opt.Method == "" {
		opt.Method = Imported
	}
	if !methodName.MatchString(opt.Method) {
		return nil, wrong(f.Path, ErrOption, "use small letters, digits and - . _ +, such as dm-official",
			"method name %q", opt.Method)
	}
	if _, err := registry.Method(opt.Method); err == nil {
		return nil, wrong(f.Path, ErrOption, "call it otherwise, such as "+opt.Method+"-official",
			"method %s is one of this program, and did not make the set", opt.Method)
	}
	made := foreignMethod{f.Samples, opt, opt.Local == nil || !covers(opt.Local, f.Samples)}
	local := opt.Local
	if made.unknown {
		local = f.Samples // a copy of itself, so that it counts as real
	}
	pixels := opt.Pixels
	if pixels == "" {
		var err error
		if pixels, err = Lossless(f.Samples); err != nil {
			return nil, err
		}
	}
	most := 0
	for _, members := range f.Samples.ByClass() {
		most = max(most, len(members))
	}
	return artifact.Make(ctx, artifact.Request{
		Request: distill.Request{Samples: local, IPC: most, Augment: f.Task.Augmentation()},
		Task:    f.Task, Method: made, Pixels: pixels, Licence: opt.Licence, Bare: opt.Bare,
	})
}

// covers reports whether there are local samples of every class of a set.
func covers(local, set *data.Samples) bool {
	members := local.ByClass()
	return !slices.ContainsFunc(set.Held(), func(class int) bool { return len(members[class]) == 0 })
}

// Lossless is the smallest of U4, U8, F16 and F32 that keeps samples bit for bit.
func Lossless(s *data.Samples) (artifact.PixelType, error) {
	for _, p := range []artifact.PixelType{artifact.U4, artifact.U8, artifact.F16} {
		if p.Check(s.Shape) != nil {
			continue
		}
		again, err := artifact.RoundTrip(s, p)
		if err == nil && slices.Equal(again.X, s.X) {
			return p, nil
		}
	}
	return artifact.F32, artifact.F32.Check(s.Shape)
}

// foreignMethod is the method of a set made elsewhere: its result is there.
type foreignMethod struct {
	images  *data.Samples
	opt     MakeOptions
	unknown bool // what the images are made from
}

// Name implements distill.Method.
func (m foreignMethod) Name() string { return m.opt.Method }

// Version implements distill.Method.
func (m foreignMethod) Version() int { return 1 }

// Summary implements distill.Method.
func (m foreignMethod) Summary() string { return "a set made elsewhere" }

// Settings implements distill.Method: there are none.
func (m foreignMethod) Settings() map[string]string { return nil }

// With implements distill.Method.
func (m foreignMethod) With(settings map[string]string) (distill.Method, error) {
	if len(settings) > 0 {
		return nil, distill.ErrOption
	}
	return m, nil
}

// Outline implements distill.Method.
func (m foreignMethod) Outline(distill.Request) (distill.Outline, error) {
	return distill.Outline{Formation: data.NewFormation(1), Consumer: m.opt.Consumer, Recipe: m.opt.Recipe,
		Soft: m.images.Soft != nil, Real: m.unknown}, nil
}

// Distill implements distill.Method.
func (m foreignMethod) Distill(context.Context, distill.Request) (*distill.Result, error) {
	return &distill.Result{Images: m.images, Formation: data.NewFormation(1), Consumer: m.opt.Consumer,
		Recipe: m.opt.Recipe, SmallestGroup: 1}, nil
}
