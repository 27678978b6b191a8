package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// DistillOptions say how to distill a data set.
type DistillOptions struct {
	Data    string            // name of a registered data set
	Method  string            // auto.Name chooses for the data
	Options map[string]string // settings of the method that differ from its defaults
	IPC     int               // stored images per class held
	Seed    uint64
	// Formation is the number of tiles along a side of a stored image; 0 for
	// the method's default.
	Formation int
	Device    device.Choice
	Time      time.Duration // that the distillation may take, for auto; 0 for the chosen method's default
	// Budget is the largest size of the set in bytes; 0 for no limit. It
	// decides IPC, and the formation if that is 0.
	Budget  int64
	Usual   bool               // without a budget, learned images of a code get the usual one
	single  bool               // stored images are single tiles
	bare    bool               // no preview, no card
	payload int                // that coded images take at most; 0 for no limit
	Pixels  artifact.PixelType // how pixels are stored; empty for the default
	Licence string
	Home    home.Home // where interrupted distillations are kept; the zero value keeps none
}

// Distilled is a set as the node keeps it.
type Distilled struct {
	operations.SetInfo
	Refused error `json:"-"` // why publish would refuse it without --allow-real; nil when it would not
}

// Distill makes a set of local data in this process and hands it to the node,
// which verifies and keeps it. Nothing is announced. An interrupted distillation
// is resumed by the same request, when its method keeps a state.
func Distill(ctx context.Context, c api.Conn, opt DistillOptions, report api.Report) (Distilled, error) {
	fail := func(err error) (Distilled, error) { return Distilled{}, err }
	if err := opt.Device.Check(); err != nil {
		return fail(err)
	}
	method, err := opt.named()
	if err != nil {
		return fail(err)
	}
	local, err := localdata.Open(ctx, c, opt.Data)
	if err != nil {
		return fail(err)
	}
	samples, err := opt.load(local, report)
	if err != nil {
		return fail(err)
	}
	if opt.Usual && opt.Budget == 0 {
		if opt.Budget, err = opt.usual(local.Task, method, samples, report); err != nil {
			return fail(err)
		}
	}
	if opt.Budget > 0 {
		if opt, err = opt.spend(local.Task, method, samples, report); err != nil {
			return fail(err)
		}
	}
	if opt, err = opt.resolve(local.Task, method, samples); err != nil {
		return fail(err)
	}
	if method == nil {
		if method, err = opt.choose(ctx, local.Task, samples, report); err != nil {
			return fail(err)
		}
	}
	d := distillation{task: local.Task, method: method, opt: opt, samples: samples}
	kept := d.place().Begin(report)
	defer kept.Close()
	made, err := d.make(ctx, kept, report)
	if err != nil {
		return fail(err)
	}
	if made.Moved > 0 {
		report.Note("%d of %d images were moved towards the mean of their class: the code had rounded them to nearly what "+
			"it makes of a real sample", made.Moved, made.Samples.Len())
	}
	request := operations.AddSetRequest{Task: local.Entry.Task, Origin: opt.Data}
	info, err := operations.AddSet.Do(ctx, c, request, made.Files, report)
	if err != nil {
		return fail(err)
	}
	kept.Done()
	return Distilled{SetInfo: info, Refused: operations.MayLeave(made.Manifest)}, nil
}

// load reads the samples to distill.
func (opt DistillOptions) load(local *localdata.Opened, report api.Report) (*data.Samples, error) {
	if opt.Pixels != "" {
		if err := opt.Pixels.Check(local.Task.Shape); err != nil {
			return nil, api.Fail(api.CodeUsage, "choose another with --pixels, or leave it out", "%w", err)
		}
	}
	report.Stage("read " + opt.Data)
	samples, err := local.Samples()
	if err != nil {
		return nil, err
	}
	if was := local.Entry.Samples(); samples.Len() != was {
		report.Note("%s has %d samples now, %d when it was registered: 'distillmesh data add %s' again, and its "+
			"splits, to bring the register up to date", opt.Data, samples.Len(), was, local.Entry.Path)
	}
	return samples, nil
}

// named is the method in the options, with their settings; nil for
// auto.Name, whose choice depends on the samples.
func (opt DistillOptions) named() (distill.Method, error) {
	if opt.Method == auto.Name {
		if len(opt.Options) > 0 {
			return nil, api.Fail(api.CodeUsage, "name the method too, as in --method dm",
				"settings belong to a method, and auto chooses one")
		}
		return nil, nil
	}
	if opt.Time != 0 {
		return nil, api.Fail(api.CodeUsage, "leave out --method, or give its settings",
			"a time is for --method auto to keep, %s was named", opt.Method)
	}
	method, err := registry.Method(opt.Method)
	if err != nil {
		return nil, fmt.Errorf("%w, or %s", err, auto.Name)
	}
	return method.With(opt.Options)
}

// spend is the options with the values that the budget decides.
func (opt DistillOptions) spend(task *data.Task, method distill.Method, samples *data.Samples, report api.Report) (
	DistillOptions, error) {
	opt.IPC = 1
	if method == nil {
		method = auto.For(samples.Shape).Method
	}
	budget := auto.Budget{Bytes: opt.Budget, Pixels: opt.Pixels, Licence: opt.Licence, Settings: registry.Changed,
		Timed: opt.Time > 0}
	s, err := auto.Spend(task, method, opt.request(task, samples), budget)
	if err != nil {
		return opt, err
	}
	opt.IPC, opt.Formation, opt.single, opt.bare, opt.Pixels, opt.payload = s.IPC, s.Formation, s.Single,
		s.Bare, s.Pixels, s.Payload
	report.Note("%d bytes: %s", opt.Budget, s.Why)
	return opt, nil
}

// usual is the budget of learned images of a code, 0 for others.
func (opt DistillOptions) usual(task *data.Task, method distill.Method, samples *data.Samples, report api.Report) (
	int64, error) {
	if method == nil {
		method = auto.For(samples.Shape).Method
	}
	plain, err := method.Outline(opt.request(task, samples))
	if err != nil || !plain.InRange || !artifact.SuitablePixels(opt.Pixels, plain, opt.request(task, samples)).IsDCT() {
		return 0, err
	}
	n := auto.UsualBudget(samples.Shape, len(samples.Held()))
	report.Note("no --ipc and no --budget: at most %d bytes", n)
	return n, nil
}

// resolve is the options with the pixel type decided.
func (opt DistillOptions) resolve(task *data.Task, method distill.Method, samples *data.Samples) (DistillOptions,
	error) {
	if method == nil {
		method = auto.For(samples.Shape).Method
	}
	set := artifact.Request{Request: opt.request(task, samples), Task: task, Method: method, Pixels: opt.Pixels}
	_, err := set.Resolve()
	opt.Pixels = set.Pixels
	return opt, err
}

// choose lets auto choose, and reports the choice and its reason.
func (opt DistillOptions) choose(ctx context.Context, task *data.Task, samples *data.Samples, report api.Report) (
	distill.Method, error) {
	if opt.Time > 0 {
		report.Stage("measure this device")
	}
	begun := func(m distill.Method) bool {
		return distillation{task: task, method: m, opt: opt}.place().Begun()
	}
	a, err := auto.Choose(ctx, auto.Question{Request: opt.request(task, samples), Time: opt.Time, Begun: begun})
	if err != nil {
		return nil, err
	}
	report.Note("%s: %s", a.Method.Name(), a.Why)
	return a.Method, nil
}

// request is the request to the method.
func (opt DistillOptions) request(task *data.Task, samples *data.Samples) distill.Request {
	req := distill.Request{Samples: samples, Augment: task.Augmentation(), IPC: opt.IPC, Seed: opt.Seed,
		Formation: opt.Formation, Single: opt.single, Device: opt.Device}
	if opt.Home.Path != "" {
		req.Cache = opt.Home.File("experts")
	}
	if code, err := opt.Pixels.Code(samples.Shape); err == nil {
		req.Code = code
	}
	return req
}
