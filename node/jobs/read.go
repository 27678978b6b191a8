package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// read gets the files of a local set or model.
func read(ctx context.Context, c api.Conn, name, subject, hint string) (operations.Content, artifact.Files, error) {
	content, files, err := operations.Read.Do(ctx, c, operations.RootRequest{CID: name}, nil)
	if err == nil && content.Subject != subject {
		err = api.Fail(api.CodeUsage, hint, "%s is not a %s", name, subject)
	}
	return content, files, err
}

const listSets = "list sets with 'distillmesh ls'"

// taskOf asks for the task of a set or model.
func taskOf(ctx context.Context, c api.Conn, content operations.Content) (*data.Task, error) {
	info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: content.Task}, nil)
	if err != nil {
		return nil, err
	}
	return info.Task(), nil
}

// Held is a set that is complete on a node, as read.
type Held struct {
	*artifact.Set
	Content operations.Content
	Task    *data.Task
	Bytes   int64 // of the whole DAG
}

// ReadSet reads and verifies a set that is complete on this node.
func ReadSet(ctx context.Context, c api.Conn, name string) (Held, error) {
	content, files, err := read(ctx, c, name, "set", listSets)
	h := Held{Content: content, Bytes: files.Bytes()}
	if err != nil {
		return h, err
	}
	if h.Task, err = taskOf(ctx, c, content); err != nil {
		return h, err
	}
	h.Set, err = artifact.ReadSet(files, h.Task, artifact.Limits{})
	return h, err
}

// ReadSets reads and verifies sets of a task that are here, each once, in the order of
// their CIDs, which are returned as roots.
func ReadSets(ctx context.Context, c api.Conn, task *data.Task, names []string) (roots []string,
	sets []*artifact.Set, _ error) {
	want, err := artifact.TaskCID(task)
	if err != nil {
		return nil, nil, err
	}
	by := map[string]*artifact.Set{}
	for _, name := range names {
		content, files, err := read(ctx, c, name, "set", listSets)
		if err == nil && content.Task != want.String() {
			err = api.Fail(api.CodeUsage, "list its sets with 'distillmesh ls --task "+task.Name+"'",
				"set %s is not of task %s", name, task.Name)
		}
		if err != nil {
			return nil, nil, err
		}
		if by[content.CID] != nil {
			continue
		}
		if by[content.CID], err = artifact.ReadSet(files, task, artifact.Limits{}); err != nil {
			return nil, nil, damaged(content.CID, err)
		}
	}
	roots = slices.Sorted(maps.Keys(by))
	for _, root := range roots {
		sets = append(sets, by[root])
	}
	return roots, sets, nil
}

// damaged says what to do about a set that fails verification.
func damaged(root string, err error) error {
	err = fmt.Errorf("set %s: %w", root, err)
	if !errors.Is(err, artifact.ErrInvalid) {
		return err
	}
	return api.Fail(api.CodeVerify, "it is damaged here, or made by an incompatible version: remove it with "+
		"'distillmesh rm "+root[:24]+"', and get it again", "%w", err)
}

// ReadModel reads and verifies a model that is complete on this node.
func ReadModel(ctx context.Context, c api.Conn, name string) (operations.Content, *artifact.Model[model.Trained],
	error) {
	content, files, err := read(ctx, c, name, "model", "list models with 'distillmesh models ls'")
	if err != nil {
		return content, nil, err
	}
	task, err := taskOf(ctx, c, content)
	if err != nil {
		return content, nil, err
	}
	m, err := artifact.ReadModel(files, task, artifact.Limits{}, model.Load)
	return content, m, err
}

// Leaving is what publish --dry-run shows: the images that would be published,
// each beside its nearest real one.
type Leaving struct {
	Set        operations.SetInfo
	Manifest   artifact.Manifest
	Disclosure *distill.Disclosure // nil when the data it was made from are gone
	Sheet      []byte              // PNG of the pairs; holds raw data
}

// DryRun shows what publishing a set would give away.
func DryRun(ctx context.Context, c api.Conn, name string) (*Leaving, error) {
	h, err := ReadSet(ctx, c, name)
	if err != nil {
		return nil, err
	}
	out := &Leaving{Manifest: h.Manifest, Set: operations.SetInfo{CID: h.Content.CID, Task: h.Content.Task,
		Origin: h.Content.Origin, Bytes: h.Bytes}}
	if h.Content.Origin == "" {
		return out, nil
	}
	local, err := localdata.Open(ctx, c, h.Content.Origin)
	if err != nil {
		return out, nil
	}
	samples, err := local.Samples()
	if err != nil {
		return nil, err
	}
	d, err := h.Disclose(ctx, samples)
	if err != nil {
		return nil, err
	}
	out.Disclosure = &d
	out.Sheet, err = artifact.EncodePNG(artifact.PairSheet(h.Task, h.TrainingSamples(), samples, d, 4))
	return out, err
}
