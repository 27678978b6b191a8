package holdings

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// mend pins again what the blocks show to be sets, models and documents of joined tasks,
// when the records of what is pinned may both lack it. Until then nothing is collected. What
// was removed here stays removed, as far as the node remembers.
func (h *Holdings) mend(ctx context.Context) error {
	h.Damage = h.Blocks.Damage()
	if !h.Damage.Doubt {
		return nil
	}
	for file, read := range map[string]func(context.Context, cid.Cid) (Holding, error){
		artifact.ManifestFile: h.setUnder, artifact.SmallFile: h.setUnder, artifact.ModelFile: h.modelUnder,
	} {
		roots, err := h.Blocks.Directories(ctx, file)
		if err != nil {
			return err
		}
		for _, root := range roots {
			found, err := read(ctx, root)
			if _, pinned := h.Blocks.PinOf(ctx, root); err != nil || pinned == nil || h.State.Removed(root) {
				continue // it is not whole, or something else
			}
			if err := h.Blocks.Pin(ctx, root, PinName(found.Subject, found.Task)); err != nil {
				return err
			}
			h.Recovered++
		}
	}
	for _, task := range h.State.Tasks() {
		if err := h.Blocks.Pin(ctx, task, taskPin); err != nil && !errors.Is(err, blocks.ErrNotFound) {
			return err
		}
	}
	h.Blocks.Settle()
	return nil
}

func (h *Holdings) setUnder(ctx context.Context, root cid.Cid) (Holding, error) {
	files, err := h.Files(ctx, root)
	if err != nil {
		return Holding{}, err
	}
	m, err := artifact.ReadManifest(files, artifact.Limits{})
	return holdingFor(root, m.Task, announce.SubjectSet, err)
}

func (h *Holdings) modelUnder(ctx context.Context, root cid.Cid) (Holding, error) {
	files, err := h.Files(ctx, root)
	if err != nil {
		return Holding{}, err
	}
	m, err := artifact.ReadModelManifest(files, artifact.Limits{})
	return holdingFor(root, m.Task, announce.SubjectModel, err)
}

// holdingFor is a holding of the task that a manifest names.
func holdingFor(root cid.Cid, task string, subject announce.Subject, err error) (Holding, error) {
	if err != nil {
		return Holding{}, err
	}
	c, err := cid.Decode(task)
	return Holding{Root: root, Task: c, Subject: subject}, err
}
