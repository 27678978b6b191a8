package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// DistillOptions say what to make of a data set.
type DistillOptions struct {
	Data    string            // name of a registered data set
	Method  string            // auto.Name chooses for the data
	Options map[string]string // settings of the method that differ from its defaults
	IPC     int               // stored images per class held
	Seed    uint64
	// Formation is the number of tiles along a side of a stored image; 0 for
	// what the method does by itself.
	Formation int
	Workers   int           // processor cores to use; 0 for all
	Time      time.Duration // that the distillation may take, for auto; 0 for what the method chosen does
	// Budget is how many bytes the set may weigh as it travels; 0 for no limit.
	// It decides IPC, and the formation where that is left open.
	Budget  int64
	single  bool               // stored images are single tiles
	bare    bool               // no preview, no card
	Pixels  artifact.PixelType // how pixels are stored; empty for what suits
	Licence string
	Home    Home // where an interrupted distillation is kept; its zero value keeps none
}

// Distill makes a set of local data in this process and hands it to the node,
// which verifies and keeps it. Nothing is announced. An interrupted distillation
// is resumed by the same request, when its method keeps a state.
func Distill(ctx context.Context, c Conn, opt DistillOptions, report Report) (SetInfo, error) {
	method, err := opt.named()
	if err != nil {
		return SetInfo{}, err
	}
	local, err := OpenLocal(ctx, c, opt.Data)
	if err != nil {
		return SetInfo{}, err
	}
	if opt.Pixels != "" {
		if err := opt.Pixels.Check(local.Task.Shape); err != nil {
			return SetInfo{}, Fail(CodeUsage, "choose another with --pixels, or leave it out", "%w", err)
		}
	}
	report.say(Progress{Stage: "read " + opt.Data})
	samples, err := local.Samples()
	if err != nil {
		return SetInfo{}, err
	}
	if was := local.Entry.Samples(); samples.Len() != was {
		report.say(Progress{Note: fmt.Sprintf("%s has %d samples now, %d when it was registered: 'distillmesh data add %s' again, and its splits, to bring the register up to date", opt.Data, samples.Len(), was, local.Entry.Path)})
	}
	if opt.Budget > 0 {
		if opt, err = opt.spend(local.Task, method, samples, report); err != nil {
			return SetInfo{}, err
		}
	}
	if method == nil {
		if method, err = opt.choose(ctx, local.Task, samples, report); err != nil {
			return SetInfo{}, err
		}
	}
	draft, err := MakeSet(ctx, local.Task, method, samples, opt, report)
	if err != nil {
		return SetInfo{}, err
	}
	tree, err := artifact.WriteSet(draft)
	if err != nil {
		return SetInfo{}, err
	}
	files, err := FilesOf(tree)
	if err != nil {
		return SetInfo{}, err
	}
	info, err := AddSet.Do(ctx, c, AddSetRequest{Task: local.Entry.Task, Origin: opt.Data, Files: files}, report)
	if err == nil {
		newDistilling(local.Task, method, opt).forget()
	}
	return info, err
}

// named is the method that the options name, with their settings; nil for
// auto.Name, whose choice depends on the samples.
func (opt DistillOptions) named() (distill.Method, error) {
	if opt.Method == auto.Name {
		if len(opt.Options) > 0 {
			return nil, Fail(CodeUsage, "name the method too, as in --method dm", "settings belong to a method, and auto chooses one")
		}
		return nil, nil
	}
	if opt.Time != 0 {
		return nil, Fail(CodeUsage, "leave out --method, or give its settings", "a time is for --method auto to keep, %s was named", opt.Method)
	}
	method, err := registry.Method(opt.Method)
	if err != nil {
		return nil, fmt.Errorf("%w, or %s", err, auto.Name)
	}
	return method.With(opt.Options)
}

// spend is the options with what the budget decides.
func (opt DistillOptions) spend(task *data.Task, method distill.Method, samples *data.Samples, report Report) (DistillOptions, error) {
	opt.IPC = 1
	if method == nil {
		method = auto.For(samples.Shape).Method
	}
	req := opt.request(task, samples)
	outline, err := method.Outline(req)
	if err != nil {
		return opt, err
	}
	opt.Pixels = auto.Pixels(opt.Pixels, outline)
	s, err := auto.Spend(task, method, req, auto.Budget{Bytes: opt.Budget, Pixels: opt.Pixels, Licence: opt.Licence, Timed: opt.Time > 0})
	if err != nil {
		return opt, err
	}
	opt.IPC, opt.Formation, opt.single, opt.bare = s.IPC, s.Formation, s.Single, s.Bare
	report.say(Progress{Note: fmt.Sprintf("%d bytes: %s", opt.Budget, s.Why)})
	return opt, nil
}

// choose lets auto choose and says what and why.
func (opt DistillOptions) choose(ctx context.Context, task *data.Task, samples *data.Samples, report Report) (distill.Method, error) {
	if opt.Time > 0 {
		report.say(Progress{Stage: "measure this device"})
	}
	a, err := auto.Choose(ctx, auto.Question{Request: opt.request(task, samples), Time: opt.Time, Begun: func(m distill.Method) bool {
		return newDistilling(task, m, opt).begun()
	}})
	if err != nil {
		return nil, err
	}
	report.say(Progress{Note: a.Method.Name() + ": " + a.Why})
	return a.Method, nil
}

// request is what a method is asked.
func (opt DistillOptions) request(task *data.Task, samples *data.Samples) distill.Request {
	req := distill.Request{Samples: samples, Augment: task.Augmentation(), IPC: opt.IPC, Seed: opt.Seed, Formation: opt.Formation, Single: opt.single, Device: device.Choice{Workers: opt.Workers}}
	if opt.Home.Path != "" {
		req.Cache = opt.Home.file("experts")
	}
	return req
}

// MakeSet distils samples and measures, on the images as they will be read
// back, what they disclose.
func MakeSet(ctx context.Context, task *data.Task, method distill.Method, samples *data.Samples, opt DistillOptions, report Report) (artifact.SetDraft, error) {
	outline, err := method.Outline(opt.request(task, samples))
	if err != nil {
		return artifact.SetDraft{}, err
	}
	result, err := newDistilling(task, method, opt).run(ctx, samples, report)
	if err != nil {
		return artifact.SetDraft{}, err
	}
	report.say(Progress{Stage: "compare with real samples"})
	return artifact.Draft(ctx, artifact.SetDraft{Task: task, Method: method, Settings: registry.Changed(method), IPC: opt.IPC, Seed: opt.Seed, Result: result,
		Pixels: auto.Pixels(opt.Pixels, outline), Licence: opt.Licence, Bare: opt.bare}, samples)
}

// Leaving is what publish --dry-run shows: the images that would leave, each
// beside its nearest real one.
type Leaving struct {
	Set        SetInfo
	Manifest   artifact.Manifest
	Disclosure *distill.Disclosure // nil when the data it was made from is gone
	Sheet      []byte              // PNG of the pairs; holds raw data
}

// DryRun shows what publishing a set would give away.
func DryRun(ctx context.Context, c Conn, name string) (*Leaving, error) {
	content, set, task, err := ReadSetHere(ctx, c, name)
	if err != nil {
		return nil, err
	}
	out := &Leaving{Manifest: set.Manifest, Set: SetInfo{CID: content.CID, Task: content.Task, Origin: content.Origin}}
	if content.Origin == "" {
		return out, nil
	}
	local, err := OpenLocal(ctx, c, content.Origin)
	if err != nil {
		return out, nil
	}
	samples, err := local.Samples()
	if err != nil {
		return nil, err
	}
	d, err := distill.Disclose(ctx, set.Samples, samples, set.Manifest.Formation)
	if err != nil {
		return nil, err
	}
	out.Disclosure = &d
	out.Sheet, err = artifact.EncodePNG(artifact.PairSheet(task, set.TrainingSamples(), samples, d, 4))
	return out, err
}

// ReadSetHere reads and verifies a set that is complete on this node.
func ReadSetHere(ctx context.Context, c Conn, name string) (Content, *artifact.Set, *data.Task, error) {
	content, err := Read.Do(ctx, c, RootRequest{name}, nil)
	if err != nil {
		return content, nil, nil, err
	}
	if content.Subject != "set" {
		return content, nil, nil, Fail(CodeUsage, "list sets with 'distillmesh ls'", "%s is not a set", name)
	}
	info, err := ShowTask.Do(ctx, c, TaskRequest{content.Task}, nil)
	if err != nil {
		return content, nil, nil, err
	}
	task := info.Task()
	set, err := artifact.ReadSet(content.Files.FS(), task, artifact.Limits{})
	return content, set, task, err
}

// ReadSets reads sets that are here, in the order given.
func ReadSets(ctx context.Context, c Conn, roots []string) (sets []*artifact.Set, err error) {
	for _, root := range roots {
		if _, err := cid.Decode(root); err != nil {
			return nil, err
		}
		_, set, _, err := ReadSetHere(ctx, c, root)
		if err != nil {
			err = fmt.Errorf("set %s: %w", root, err)
			if errors.Is(err, artifact.ErrInvalid) {
				err = Fail(CodeVerify, "it is damaged here, or made by an incompatible version: let go of it with 'distillmesh rm "+root[:24]+"', and get it again", "%w", err)
			}
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}
