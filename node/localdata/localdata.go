// Package localdata registers local data sets with a node and opens them again. The
// data are read in this process and stay where they are; the node remembers where
// that is, and what it needs to read them the same way.
package localdata

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// Options say how data are registered.
type Options struct {
	Task    string       // name or CID; may be empty for data that is recognized
	Name    string       // to register under; empty for the task's
	Reading open.Reading // what the files leave open
	Holdout float64      // share of each class to test with, of data without a test part; 0 for none
	Home    home.Home    // where the report on the data is kept; its zero value keeps none
}

// Add opens the data at path, which reads and checks them, and registers them.
// How they were understood is reported.
func Add(ctx context.Context, c api.Conn, path string, opt Options, report api.Report) (state.DataEntry, error) {
	var task *data.Task
	if opt.Task != "" {
		info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: opt.Task}, nil)
		if err != nil {
			return state.DataEntry{}, err
		}
		task = info.Task()
	}
	path, err := absolute(path)
	if err != nil {
		return state.DataEntry{}, err
	}
	if strings.ContainsFunc(opt.Name, func(r rune) bool { return !unicode.IsGraphic(r) || r == '/' || r == '\\' }) {
		return state.DataEntry{}, api.Fail(api.CodeUsage, "choose another --name", "%q is no name for data", opt.Name)
	}
	e := state.DataEntry{Name: opt.Name, Path: path, Reading: opt.Reading, Holdout: opt.Holdout}
	ds, err := openFiles(&e, task)
	if err != nil {
		return state.DataEntry{}, err
	}
	if err := describe(&e, ds); err != nil {
		return state.DataEntry{}, err
	}
	reportNotes(ds, report)
	if err := register(ctx, c, ds.Task, e); err != nil {
		return state.DataEntry{}, err
	}
	return e, keepReport(opt.Home, e.Name, ds)
}

// absolute is a path that is valid in every working directory; GlyphPath is one.
func absolute(path string) (string, error) {
	if path == data.GlyphPath {
		return path, nil
	}
	return filepath.Abs(path)
}

// Split registers parts of a registered data set as data sets of their
// own. With part < 0 all parts that hold samples are registered, else that one
// (from 0), which must hold some. It returns all parts, so that the whole class
// table can be shown.
func Split(ctx context.Context, c api.Conn, name string, split data.Split, part int) ([]state.DataEntry, error) {
	whole, err := findData(ctx, c, name)
	if err != nil {
		return nil, err
	}
	if whole.Split != nil {
		return nil, api.Fail(api.CodeUsage, "split the whole data set instead", "%s is a part already", name)
	}
	ds, err := openEntry(ctx, c, whole)
	if err != nil {
		return nil, err
	}
	if err := split.Validate(len(ds.Task.Classes)); err != nil {
		return nil, api.Fail(api.CodeUsage, "see 'distillmesh data split --help'", "%w", err)
	}
	if part >= split.Clients {
		return nil, api.Fail(api.CodeUsage, fmt.Sprintf("choose a part from 1 to %d", split.Clients),
			"there is no part %d", part+1)
	}
	parts, err := split.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		return nil, err
	}
	all := make([]state.DataEntry, len(parts))
	for i, counts := range data.ClassTable(ds.Train.Labels(), len(ds.Task.Classes), parts) {
		all[i] = whole
		all[i].Name, all[i].Split, all[i].Part, all[i].Counts = split.PartName(whole.Name, i), &split, i, counts
	}
	if part >= 0 {
		if all[part].Samples() == 0 {
			return nil, refuseEmpty(all[part])
		}
		return all, register(ctx, c, ds.Task, all[part])
	}
	held := slices.DeleteFunc(slices.Clone(all), func(e state.DataEntry) bool { return e.Samples() == 0 })
	return all, register(ctx, c, ds.Task, held...)
}

// describe fills in the description of the data.
func describe(e *state.DataEntry, ds *data.Dataset) error {
	c, err := artifact.TaskCID(ds.Task)
	if err != nil {
		return err
	}
	if e.Name == "" {
		e.Name = ds.Name
	}
	e.Task, e.Classes, e.Counts = c.String(), ds.Task.Classes, make([]int, len(ds.Task.Classes))
	for _, y := range ds.Train.Labels() {
		e.Counts[y]++
	}
	if ds.Test == nil {
		e.Holdout = 0
		return nil
	}
	e.Test = len(ds.Test.Labels())
	return nil
}

func register(ctx context.Context, c api.Conn, t *data.Task, entries ...state.DataEntry) error {
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return err
	}
	var req []operations.DataRegistration
	for _, e := range entries {
		req = append(req, operations.DataRegistration{DataEntry: e, TaskDocument: doc})
	}
	_, err = operations.RegisterData.Do(ctx, c, req, nil)
	return err
}

// findData finds a registered data set by name.
func findData(ctx context.Context, c api.Conn, name string) (state.DataEntry, error) {
	all, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		return state.DataEntry{}, err
	}
	if i := slices.IndexFunc(all, func(e state.DataEntry) bool { return e.Name == name }); i >= 0 {
		return all[i], nil
	}
	return state.DataEntry{}, state.NoData(name)
}

// emptyHint is what to do about a part without samples.
const emptyHint = "use fewer clients or a larger alpha, or choose another part"

// refuseEmpty refuses a part without samples: it never means the whole data
// set.
func refuseEmpty(e state.DataEntry) error {
	return api.Fail(api.CodeUsage, emptyHint, "data set %s has no samples", e.Name)
}
