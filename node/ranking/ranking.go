// Package ranking finds what is scored: sets that are here, folders, and the real samples that
// scores need.
package ranking

import (
	"context"
	"fmt"
	"os"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
)

// Data is the registered data set of a task that sets are ranked with: whole, with
// training samples and a test part.
func Data(ctx context.Context, c api.Conn, task string) (*localdata.Opened, error) {
	all, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Task == task && e.Test > 0 && e.Split == nil {
			return localdata.Open(ctx, c, e.Name)
		}
	}
	return nil, api.Fail(api.CodeUsage, "give a path with --data, or register some with 'distillmesh data add PATH'",
		"scores need real samples to compare with, and no whole data set of the task with a test part is registered")
}

// Task is that of the sets, with its CID.
type Task struct {
	CID string
	*data.Task
}

// Held are sets that are here, by what people type, each to be ranked by itself.
func Held(ctx context.Context, c api.Conn, names []string) (out []rank.Candidate, task Task, _ error) {
	for _, name := range names {
		h, err := jobs.ReadSet(ctx, c, name)
		if err != nil {
			return nil, task, err
		}
		if task.CID != "" && h.Content.Task != task.CID {
			return nil, task, api.Fail(api.CodeUsage, "rank sets of one task at a time", "%s and %s are of different tasks",
				names[0], name)
		}
		task = Task{h.Content.Task, h.Task}
		out = append(out, rank.Candidate{Name: h.Content.CID, Method: h.Manifest.Method.Name, Sets: []*artifact.Set{h.Set},
			Bytes: []int64{h.Bytes}})
	}
	return out, task, nil
}

// OfTask are all sets of a task that are here.
func OfTask(ctx context.Context, c api.Conn, task string) ([]rank.Candidate, Task, error) {
	held, err := operations.HeldSets.Do(ctx, c, operations.TaskRequest{Name: task}, nil)
	if err != nil {
		return nil, Task{}, err
	}
	if len(held) == 0 {
		return nil, Task{}, api.Fail(api.CodeNotFound, "fetch some with 'distillmesh gather --task "+task+"'",
			"no set of task %s is here", task)
	}
	return Held(ctx, c, held)
}

// Folder is the set whose files are in a folder.
func Folder(dir string, task *data.Task) (rank.Candidate, error) {
	files, err := artifact.ReadFiles(os.DirFS(dir))
	if err != nil {
		return rank.Candidate{}, err
	}
	set, err := artifact.ReadSet(files, task, artifact.Limits{})
	if err != nil {
		return rank.Candidate{}, fmt.Errorf("%s: %w", dir, err)
	}
	return rank.Candidate{Name: dir, Method: set.Manifest.Method.Name, Sets: []*artifact.Set{set},
		Bytes: []int64{files.Bytes()}}, nil
}

// Together is one candidate of all sets of others.
func Together(all []rank.Candidate) rank.Candidate {
	out := rank.Candidate{Name: fmt.Sprintf("%d sets together", len(all)), Method: all[0].Method}
	for _, c := range all {
		out.Sets, out.Bytes = append(out.Sets, c.Sets...), append(out.Bytes, c.Bytes...)
	}
	return out
}
