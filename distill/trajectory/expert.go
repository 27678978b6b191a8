package trajectory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/atomicfile"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// expertPlan says how experts are trained: the network, each from its own
// initialization, by the recipe, whose Epochs are those of a trajectory.
type expertPlan struct {
	Network *nn.Network
	Recipe  recipe.Recipe
	Samples *data.Samples
	Seed    uint64
}

// expert is the trajectory of a network that was trained on real samples: all its
// parameters as one vector, at the start and after each epoch.
type expert [][]float32

// recipe is the plan's with the limits on steps left out.
func (p expertPlan) recipe() recipe.Recipe {
	r := p.Recipe
	r.MinSteps, r.MaxSteps = 0, 0
	return r
}

// seed is the seed of one expert.
func (p expertPlan) seed(number int) uint64 {
	return data.Stream(p.Seed, "expert", uint64(number)).Uint64()
}

// id addresses one expert by what it was trained on and how.
func (p expertPlan) id(number int) string {
	return train.RunID(p.Network, p.recipe(), p.seed(number), p.Samples)
}

// gatherExperts reads the experts 0 to count-1 from the files of a folder, and trains
// and writes those that are missing, one per worker of the device at a time. Without a folder
// they stay in memory alone. done, when not nil, is called as experts become
// ready, from one goroutine at a time. The result does not depend on workers.
func gatherExperts(ctx context.Context, p expertPlan, count int, dir string, on device.Choice,
	done func(ready int)) ([]expert, error) {
	out := make([]expert, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(on.Runs())
	on, err := engine.Together(on.With(1), min(count, on.Runs()))
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	ready := 0
	for i := range out {
		group.Go(func() (err error) {
			if out[i], err = p.one(ctx, i, dir, on); err != nil {
				return fmt.Errorf("expert %d of %d: %w", i+1, count, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if ready++; done != nil {
				done(ready)
			}
			return nil
		})
	}
	return out, group.Wait()
}

// one reads or trains one expert.
func (p expertPlan) one(ctx context.Context, number int, dir string, on device.Choice) (expert, error) {
	if dir == "" {
		return p.train(ctx, number, on)
	}
	id := on.Identity(p.id(number))
	path := filepath.Join(dir, id[:2], id+".safetensors")
	if t, err := p.read(path); err == nil {
		return t, nil // it is missing or damaged, and is made again
	}
	t, err := p.train(ctx, number, on)
	if err != nil {
		return nil, err
	}
	return t, p.write(path, id, t)
}

// train makes one expert on the caller's goroutine.
func (p expertPlan) train(ctx context.Context, number int, on device.Choice) (expert, error) {
	r, seed := p.recipe(), p.seed(number)
	t := expert{slices.Concat(p.Network.Init(seed)...)}
	perEpoch := r.Steps(p.Samples.Len()) / r.Epochs
	_, err := train.Fit(ctx, p.Network, p.Samples, r, train.Options{Seed: seed,
		Device: on, HookEvery: perEpoch, Hook: func(at train.Progress) error {
			m, err := at.Model()
			if err == nil {
				t = append(t, slices.Concat(m.Params...))
			}
			return err
		}})
	var stopped *train.Interrupted
	if errors.As(err, &stopped) {
		return nil, stopped.Cause
	}
	return t, err
}

// Names in a file: one tensor per epoch, and metadata.
const epochTensor = "epoch."

func (p expertPlan) write(path, id string, t expert) error {
	tensors := make([]checkpoint.Tensor, len(t))
	for e, theta := range t {
		tensors[e] = checkpoint.F32(epochTensor+strconv.Itoa(e), []int{len(theta)}, theta)
	}
	file, err := checkpoint.Encode(tensors, map[string]string{"expert": id, "network": p.Network.Name})
	if err != nil {
		return fmt.Errorf("write expert: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write expert: %w", err)
	}
	return atomicfile.Write(path, file)
}

// read reads what write wrote for this plan; the name of the file says what it
// must hold.
func (p expertPlan) read(path string) (expert, error) {
	snapshots, size := p.Recipe.Epochs+1, p.Network.NumParams()
	tensors, meta, err := checkpoint.ReadFile(path, checkpoint.Limits{DataBytes: 4 * snapshots * size,
		Tensors: snapshots, Rank: 1})
	if err != nil {
		return nil, err
	}
	refuse := func(why string) (expert, error) { return nil, fmt.Errorf("read expert %s: %s", path, why) }
	if meta["expert"]+".safetensors" != filepath.Base(path) {
		return refuse("it holds another expert")
	}
	t, by := make(expert, snapshots), checkpoint.ByName(tensors)
	for e := range t {
		name := epochTensor + strconv.Itoa(e)
		if t[e], err = by[name].Float32s(); err != nil || len(t[e]) != size {
			return refuse(fmt.Sprintf("%s holds %d values, want %d", name, len(t[e]), size))
		}
		if err := checkpoint.CheckFinite(name, t[e]); err != nil {
			return refuse(err.Error())
		}
	}
	return t, nil
}
