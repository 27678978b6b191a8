package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// read gets the files of a set or model that is here, and its task.
func read(ctx context.Context, c api.Conn, name, subject, hint string) (operations.Content, artifact.Files, *data.Task,
	error) {
	content, files, err := operations.Read.Do(ctx, c, operations.RootRequest{CID: name}, nil)
	if err != nil {
		return content, nil, nil, err
	}
	if content.Subject != subject {
		return content, nil, nil, api.Fail(api.CodeUsage, hint, "%s is not a %s", name, subject)
	}
	info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: content.Task}, nil)
	if err != nil {
		return content, nil, nil, err
	}
	return content, files, info.Task(), nil
}

// ReadSet reads and verifies a set that is complete on this node.
func ReadSet(ctx context.Context, c api.Conn, name string) (operations.Content, *artifact.Set, *data.Task, error) {
	content, files, task, err := read(ctx, c, name, "set", "list sets with 'distillmesh ls'")
	if err != nil {
		return content, nil, nil, err
	}
	set, err := artifact.ReadSet(files, task, artifact.Limits{})
	return content, set, task, err
}

// ReadSets reads sets that are here, in the order given.
func ReadSets(ctx context.Context, c api.Conn, roots []string) (sets []*artifact.Set, err error) {
	for _, root := range roots {
		if _, err := cid.Decode(root); err != nil {
			return nil, err
		}
		_, set, _, err := ReadSet(ctx, c, root)
		if err != nil {
			err = fmt.Errorf("set %s: %w", root, err)
			if errors.Is(err, artifact.ErrInvalid) {
				err = api.Fail(api.CodeVerify,
					"it is damaged here, or made by an incompatible version: remove it with "+
						"'distillmesh rm "+root[:24]+"', and get it again", "%w", err)
			}
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// ReadModel reads and verifies a model that is complete on this node.
func ReadModel(ctx context.Context, c api.Conn, name string) (operations.Content, *artifact.Model[model.Trained],
	error) {
	content, files, task, err := read(ctx, c, name, "model", "list models with 'distillmesh models ls'")
	if err != nil {
		return content, nil, err
	}
	m, err := artifact.ReadModel(files, task, artifact.Limits{}, model.Load)
	return content, m, err
}

// Leaving is what publish --dry-run shows: the images that would leave, each
// beside its nearest real one.
type Leaving struct {
	Set        operations.SetInfo
	Manifest   artifact.Manifest
	Disclosure *distill.Disclosure // nil when the data it was made from is gone
	Sheet      []byte              // PNG of the pairs; holds raw data
}

// DryRun shows what publishing a set would give away.
func DryRun(ctx context.Context, c api.Conn, name string) (*Leaving, error) {
	content, set, task, err := ReadSet(ctx, c, name)
	if err != nil {
		return nil, err
	}
	out := &Leaving{Manifest: set.Manifest,
		Set: operations.SetInfo{CID: content.CID, Task: content.Task, Origin: content.Origin}}
	if content.Origin == "" {
		return out, nil
	}
	local, err := localdata.Open(ctx, c, content.Origin)
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
