package study

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/labelsolve"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/federated"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// gathered is what a trainer has after it gathered the sets of all clients.
type gathered struct {
	label   string
	samples *data.Samples // to train on, merged
	print   string        // fingerprint of the samples
	recipe  recipe.Recipe
	row     Row           // what all its runs share
	control trial.Control // what it is to be compared with
}

// clientFile holds facts about a set that the set itself must not contain.
const clientFile = "client.json"

type clientNote struct {
	Seconds float64 `json:"seconds"`
	Steps   int     `json:"steps"`
	PeakRSS float64 `json:"peak_rss_mib"`
	// Warnings are those of the method.
	Warnings []string `json:"warnings,omitempty"`
}

// gather distills all clients' parts, or reads what was distilled before, and
// merges what the written sets hold.
func (r *runner) gather(ctx context.Context, label string, m distill.Method, stored storage, seed int) (
	*gathered, error) {
	pixels := stored.pixels
	parts := []any{r.identity, r.plan.splitOf(seed), r.plan.IPC, pixels,
		m.Name(), m.Version(), m.Settings(), stored.formation, seed}
	if r.plan.Budget > 0 {
		parts = append(parts, r.plan.Budget)
	}
	if stored.usual {
		parts = append(parts, "usual")
	}
	if pixels == artifact.DCT {
		parts = append(parts, artifact.LaddersVersion)
	}
	folder, err := trial.Key{Parts: parts, Words: []any{label, fmt.Sprintf("s%d", seed)}}.Name()
	if err != nil {
		return nil, err
	}
	sets, notes := make([]*artifact.Set, len(r.parts)), make([]clientNote, len(r.parts))
	sizes := make([]int64, len(r.parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers)
	stage := r.stage(fmt.Sprintf("distill %s, seed %d", label, seed), len(r.parts), "clients")
	for i, part := range r.parts {
		group.Go(func() error {
			defer stage.step()
			local := r.local(part)
			if local.Len() == 0 {
				return ctx.Err()
			}
			req := distill.Request{Samples: local, Augment: r.plan.Data.Task.Augmentation(), IPC: r.plan.IPC,
				Seed: clientSeed(seed, i), Formation: stored.formation, Device: r.on(max(1, r.workers/len(r.parts))),
				Cache: r.store.experts()}
			c := client{dir: r.store.set(folder, i), task: r.plan.Data.Task, method: m, req: req, pixels: pixels,
				memory: r.memory}
			budget := r.plan.Budget
			if stored.usual {
				budget = auto.UsualBudget(local.Shape, len(local.Held()))
			}
			if err := c.spend(budget); err != nil {
				return fmt.Errorf("client %d of %d: %w", i+1, len(r.parts), err)
			}
			if err := c.make(ctx); err != nil {
				return fmt.Errorf("client %d of %d: %w", i+1, len(r.parts), err)
			}
			sets[i], sizes[i], notes[i] = c.set, c.bytes, c.note
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", label, seed, err)
	}
	g, err := r.merge(label, seed, sets, sizes, notes)
	if err != nil {
		return nil, err
	}
	g.row.Sets = setsFolder + "/" + folder
	g.control = r.treat(g, m, stored, sets)
	return g, nil
}

// treat is the control of a method, the same for every seed of a plan.
func (r *runner) treat(g *gathered, m distill.Method, stored storage, sets []*artifact.Set) trial.Control {
	t := trial.Control{Recipe: g.recipe}
	for _, s := range sets {
		if s == nil {
			continue
		}
		t.Formation, t.Pixels = data.NewFormation(s.Manifest.Formation.Factor), s.Manifest.Images.DType
		if (r.plan.Budget > 0 || stored.usual) && stored.pixels == artifact.DCT {
			t.Pixels = stored.pixels // the budget decides the code of each client
		}
		t.Some = r.mixed && m.Settings()["labels"] == labelsolve.Auto
		if g.samples.Soft != nil || t.Some {
			t.Labels = "1"
			if depth, ok := strings.CutPrefix(s.Manifest.Consumer, "ntk:"); ok {
				t.Labels = depth
			}
		}
		break
	}
	return t
}

// clientSeed is the seed of one client's distillation: two clients must not pick
// the same positions of their parts.
func clientSeed(seed, client int) uint64 {
	return data.Stream(uint64(seed), "study-client", uint64(client)).Uint64()
}

// client is the distillation of one part.
type client struct {
	dir    string
	task   *data.Task
	method distill.Method
	req    distill.Request
	pixels artifact.PixelType
	bare   bool // no preview, no card
	most   int  // payload of coded images; 0 for no limit
	memory *trial.Memory
	set    *artifact.Set
	bytes  int64
	note   clientNote
}

// spend decides what the set holds by its budget, if there is one.
func (c *client) spend(budget int64) error {
	if budget == 0 {
		return nil
	}
	s, err := auto.Spend(c.task, c.method, c.req, auto.Budget{Bytes: budget, Pixels: c.pixels, Settings: registry.Changed})
	if err != nil {
		return err
	}
	c.req.IPC, c.req.Formation, c.req.Single, c.bare = s.IPC, s.Formation, s.Single, s.Bare
	c.pixels, c.most = s.Pixels, s.Payload
	return nil
}

// make reads the set, or distills, writes and reads it; on the processor where the
// method has no other engine.
func (c *client) make(ctx context.Context) error {
	if c.read() == nil {
		return nil
	}
	asked := artifact.Request{Request: c.req, Task: c.task, Method: c.method, Pixels: c.pixels, Payload: c.most}
	outline, err := asked.Resolve()
	if err != nil {
		return err
	}
	if !outline.OnEngine { // the control of random samples is part of every study
		c.req.Device.Name = device.CPU
	}
	statePath := c.dir + ".state"
	state, err := readIfThere(statePath)
	if err != nil {
		return err
	}
	watch := c.memory.Watch()
	defer watch.Stop()
	began := time.Now()
	c.req.Progress = func(p distill.Progress) { c.note.Steps = p.Done }
	c.req.Resume, c.req.Checkpoint = state, func(state []byte) error { return trial.WriteFile(statePath, state) }
	req := artifact.Request{Request: c.req, Task: c.task, Method: c.method, Settings: registry.Changed(c.method),
		Pixels: c.pixels, Payload: c.most, Bare: c.bare, Distilled: func(r *distill.Result) {
			c.note.Seconds, c.note.PeakRSS, c.note.Warnings = time.Since(began).Seconds(), watch.MiB(), r.Warnings
		}}
	made, err := artifact.Make(ctx, req)
	if errors.Is(err, checkpoint.ErrState) { // damaged: from the beginning
		req.Resume = nil
		made, err = artifact.Make(ctx, req)
	}
	if err != nil {
		return err
	}
	if err := writeFolder(c.dir, made.Files); err != nil {
		return err
	}
	// Without the note the set is made again.
	if err := trial.WriteRecord(filepath.Join(c.dir, clientFile), c.note); err != nil {
		return err
	}
	os.Remove(statePath) // leftover files are found again and do no harm
	c.set, c.bytes = &made.Set, made.Files.Bytes()
	return nil
}

// read finds the set of an earlier run, verified.
func (c *client) read() error {
	note, ok := trial.ReadRecord[clientNote](filepath.Join(c.dir, clientFile))
	if !ok {
		return fs.ErrNotExist
	}
	c.note = note
	files, err := filesOf(c.dir)
	if err != nil {
		return err
	}
	if c.set, err = artifact.ReadSet(files, c.task, artifact.Limits{}); err != nil {
		return err
	}
	c.bytes = files.Bytes()
	return nil
}

// written is how many bytes the tensors of a set take in its files.
func written(s *artifact.Set) int64 {
	if data, ok := s.Manifest.Files[artifact.DataFile]; ok {
		return data.Bytes
	}
	return s.Payload // of a small form
}

// filesOf are the files of a set in a folder, without clientFile.
func filesOf(dir string) (artifact.Files, error) {
	files, err := artifact.ReadFiles(os.DirFS(dir))
	delete(files, clientFile)
	return files, err
}

// merge puts the clients' sets together, as a trainer does.
func (r *runner) merge(label string, seed int, sets []*artifact.Set, sizes []int64,
	notes []clientNote) (*gathered, error) {
	g := &gathered{label: label, row: Row{Method: label, Seed: seed, Clients: len(r.parts), Payload: &Payload{}}}
	present := slices.DeleteFunc(slices.Clone(sets), func(s *artifact.Set) bool { return s == nil })
	if len(present) == 0 {
		return nil, fmt.Errorf("%w: %s, seed %d: no client has the %d samples of a class that %d images of it need",
			ErrPlan, label, seed, r.plan.need(), r.plan.IPC)
	}
	nearest := math.Inf(1)
	var steps []int
	for i, s := range sets {
		if s == nil {
			continue
		}
		m, size := s.Manifest, int64(s.Samples.Shape.Size())
		g.row.Images += m.Images.Count
		g.row.Bytes.Up += sizes[i]
		g.row.Payload.Data += written(s)
		g.row.Payload.Images8 += size * int64(m.Images.Count)
		g.row.Payload.ImagesF32 += 4 * size * int64(m.Images.Count)
		g.row.Seconds += notes[i].Seconds
		g.row.Warnings = append(g.row.Warnings, notes[i].Warnings...)
		g.row.PeakRSS = max(g.row.PeakRSS, notes[i].PeakRSS)
		nearest = min(nearest, m.NearestReal)
		steps = append(steps, notes[i].Steps)
	}
	g.row.NearestReal = &nearest
	slices.Sort(steps)
	slices.Sort(g.row.Warnings)
	g.row.Warnings = slices.Compact(g.row.Warnings)
	g.row.DistillSteps = steps[len(steps)/2]
	var err error
	if g.samples, err = artifact.Merge(present); err != nil {
		return nil, err
	}
	g.print = trial.Fingerprint(g.samples)
	if n := g.samples.Len(); n != g.row.Images {
		g.row.Samples = n
	}
	g.recipe = r.plan.recipe(artifact.Recommend(present).Recipe)
	return g, nil
}

// controls gathers the random real images that each method is compared with,
// one set per treatment, and records them in the methods' rows.
func (r *runner) controls(ctx context.Context, methods []*gathered, seed int) ([]*gathered, error) {
	plain := trial.Control{Formation: data.NewFormation(1), Pixels: r.plainPixels(),
		Recipe: r.plan.recipe(recipe.Default())}
	names, taken := map[trial.Control]string{}, false // whether a method of the plan is called so
	for _, g := range methods {
		if g.label == Random {
			names[g.control], taken = Random, true
		}
	}
	var out []*gathered
	for _, g := range methods {
		if g.label == Random {
			continue
		}
		if known, ok := names[g.control]; ok {
			g.row.Control = known
			continue
		}
		label := Random
		if g.control != plain || taken {
			label += ":as=" + g.label
		}
		c, err := r.gatherControl(ctx, label, g.control, seed)
		if err != nil {
			return nil, err
		}
		names[g.control], g.row.Control = label, label
		out = append(out, c)
	}
	return out, nil
}

// gatherControl gathers random real images; where a method learns labels, those
// of the control are solved for the same predictor, at the same clients.
func (r *runner) gatherControl(ctx context.Context, label string, t trial.Control, seed int) (*gathered, error) {
	m, err := t.Method()
	if err != nil {
		return nil, err
	}
	stored := storage{t.Formation.Factor, t.Pixels, r.plan.Usual && t.Pixels == artifact.DCT}
	c, err := r.gather(ctx, label, m, stored, seed)
	if err != nil {
		return nil, err
	}
	c.control, c.recipe = t, t.Recipe
	return c, nil
}

// moved is what a row's bytes are when all data are sent: a byte per value, and
// one per label.
func moved(samples *data.Samples) federated.Traffic {
	return federated.Traffic{Up: int64(samples.Len()) * int64(samples.Shape.Size()+1)}
}
