package node

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
)

// ListData lists the registered data sets.
var ListData = newOp("data", func(n *Node, _ context.Context, _ None, _ Report) ([]DataEntry, error) {
	return n.notes.entries(), nil
})

// RegisterData writes data sets down, replacing entries of the same name, and
// takes part in their tasks.
var RegisterData = newOp("data-register", func(n *Node, ctx context.Context, req []DataRegistration, _ Report) (None, error) {
	for _, r := range req {
		t, err := artifact.DecodeTask(r.TaskDocument)
		if err != nil {
			return None{}, err
		}
		if _, err := n.takePart(ctx, t); err != nil {
			return None{}, err
		}
	}
	return None{}, n.notes.try(func(all *notes) error {
		for _, r := range req {
			if there, ok := all.Data[r.Name]; ok && there.Path != r.Path {
				return Fail(CodeUsage, "choose another --name, or forget it first with 'distillmesh data rm "+r.Name+"'", "%s is registered already, of %s", r.Name, there.Path)
			}
			all.Data[r.Name] = r.DataEntry
		}
		return nil
	})
})

// ForgetData strikes a data set and the parts split from it off the register, the
// files stay. It returns the names.
var ForgetData = newOp("data-forget", func(n *Node, _ context.Context, name string, _ Report) (gone []string, err error) {
	err = n.notes.try(func(all *notes) error {
		e, ok := all.Data[name]
		if !ok {
			return noData(name)
		}
		for other, part := range all.Data {
			if other == name || isPartOf(part, e) {
				gone = append(gone, other)
				delete(all.Data, other)
				n.home.forgetReport(other)
			}
		}
		slices.Sort(gone)
		return nil
	})
	return gone, err
})

// isPartOf reports whether an entry is a part split from a whole.
func isPartOf(part, whole DataEntry) bool {
	return whole.Split == nil && part.Split != nil && strings.HasPrefix(part.Name, whole.Name+".") && part.Path == whole.Path
}

// noData says that a name is not registered.
func noData(name string) error {
	return Fail(CodeUsage, "list them with 'distillmesh data ls', register one with 'distillmesh data add PATH'", "no data set %q", name)
}

// DataRegistration is an entry with the document of its task.
type DataRegistration struct {
	DataEntry
	TaskDocument []byte `json:"task_document"`
}

// AddOptions say how data are registered.
type AddOptions struct {
	Task    string       // name or CID; may be empty for data that is recognised
	Name    string       // to register under; empty for the task's
	Reading data.Reading // what the files leave open
	Holdout float64      // share of each class to test with, of data without a test part; 0 for none
	Home    Home         // where the report on the data is kept; its zero value keeps none
}

// AddData opens the data at path, which reads and checks it, and registers it.
// How it was understood is reported.
func AddData(ctx context.Context, c Conn, path string, opt AddOptions, report Report) (DataEntry, error) {
	var task *data.Task
	if opt.Task != "" {
		info, err := ShowTask.Do(ctx, c, TaskRequest{opt.Task}, nil)
		if err != nil {
			return DataEntry{}, err
		}
		task = info.Task()
	}
	path, err := absolute(path)
	if err != nil {
		return DataEntry{}, err
	}
	if strings.ContainsFunc(opt.Name, func(r rune) bool { return !unicode.IsGraphic(r) || r == '/' || r == '\\' }) {
		return DataEntry{}, Fail(CodeUsage, "choose another --name", "%q is no name for data", opt.Name)
	}
	e := DataEntry{Name: opt.Name, Path: path, Reading: opt.Reading, Holdout: opt.Holdout}
	ds, err := e.open(task)
	if err != nil {
		return DataEntry{}, err
	}
	if err := e.describe(ds); err != nil {
		return DataEntry{}, err
	}
	reportNotes(ds, report)
	if err := register(ctx, c, ds.Task, e); err != nil {
		return DataEntry{}, err
	}
	return e, opt.Home.keepReport(e.Name, ds)
}

// absolute is a path that holds wherever a verb is run; GlyphPath is one.
func absolute(path string) (string, error) {
	if path == data.GlyphPath {
		return path, nil
	}
	return filepath.Abs(path)
}

// open opens the files behind an entry. Nothing is held out of data that have a
// test part.
func (e *DataEntry) open(task *data.Task) (*data.Dataset, error) {
	ds, err := e.Reading.Open(e.Path, task)
	if err != nil {
		return nil, err
	}
	if ds.Test != nil {
		e.Holdout = 0
	}
	if ds, err = ds.Holdout(e.Holdout, 0); err != nil {
		return nil, Fail(CodeUsage, "choose a fraction such as 0.2 with --holdout, or 0 to test on other data", "%w", err)
	}
	return ds, nil
}

// SplitData registers parts of a registered data set as data sets of their
// own. With part < 0 all parts that hold samples are registered, else that one
// (from 0), which must hold some. It returns all parts, so that the whole class
// table can be shown.
func SplitData(ctx context.Context, c Conn, name string, split data.Split, part int) ([]DataEntry, error) {
	whole, err := findData(ctx, c, name)
	if err != nil {
		return nil, err
	}
	if whole.Split != nil {
		return nil, Fail(CodeUsage, "split the whole data set instead", "%s is a part already", name)
	}
	ds, err := openEntry(ctx, c, whole)
	if err != nil {
		return nil, err
	}
	if err := split.Validate(len(ds.Task.Classes)); err != nil {
		return nil, Fail(CodeUsage, "see 'distillmesh data split --help'", "%w", err)
	}
	if part >= split.Clients {
		return nil, Fail(CodeUsage, fmt.Sprintf("choose a part from 1 to %d", split.Clients), "there is no part %d", part+1)
	}
	parts, err := split.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		return nil, err
	}
	all := make([]DataEntry, len(parts))
	for i, counts := range data.ClassTable(ds.Train.Labels(), len(ds.Task.Classes), parts) {
		all[i] = whole
		all[i].Name, all[i].Split, all[i].Part, all[i].Counts = split.PartName(whole.Name, i), &split, i, counts
	}
	if part >= 0 {
		if all[part].Samples() == 0 {
			return nil, all[part].refuseEmpty()
		}
		return all, register(ctx, c, ds.Task, all[part])
	}
	held := slices.DeleteFunc(slices.Clone(all), func(e DataEntry) bool { return e.Samples() == 0 })
	return all, register(ctx, c, ds.Task, held...)
}

// describe fills in what the data are.
func (e *DataEntry) describe(ds *data.Dataset) error {
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

func register(ctx context.Context, c Conn, t *data.Task, entries ...DataEntry) error {
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return err
	}
	var req []DataRegistration
	for _, e := range entries {
		req = append(req, DataRegistration{e, doc})
	}
	_, err = RegisterData.Do(ctx, c, req, nil)
	return err
}

// findData finds a registered data set by name.
func findData(ctx context.Context, c Conn, name string) (DataEntry, error) {
	all, err := ListData.Do(ctx, c, None{}, nil)
	if err != nil {
		return DataEntry{}, err
	}
	if i := slices.IndexFunc(all, func(e DataEntry) bool { return e.Name == name }); i >= 0 {
		return all[i], nil
	}
	return DataEntry{}, noData(name)
}

// openEntry opens the files behind an entry by its task.
func openEntry(ctx context.Context, c Conn, e DataEntry) (*data.Dataset, error) {
	info, err := ShowTask.Do(ctx, c, TaskRequest{e.Task}, nil)
	if err != nil {
		return nil, err
	}
	return e.open(info.Task())
}

// emptyHint is what to do about a part without samples.
const emptyHint = "use fewer clients or a larger alpha, or choose another part"

// refuseEmpty says that a part holds no samples, so that nothing can be made of
// it: it never stands for the whole.
func (e *DataEntry) refuseEmpty() error {
	return Fail(CodeUsage, emptyHint, "data set %s has no samples", e.Name)
}

// OpenData is a registered data set, ready to load. Of a part, Train is the
// part's own samples.
type OpenData struct {
	Entry DataEntry
	*data.Dataset
}

// OpenLocal opens a registered data set by name. A part without samples is
// refused.
func OpenLocal(ctx context.Context, c Conn, name string) (*OpenData, error) {
	e, err := findData(ctx, c, name)
	if err != nil {
		return nil, err
	}
	ds, err := openEntry(ctx, c, e)
	if err != nil {
		return nil, err
	}
	if e.Split == nil {
		return &OpenData{Entry: e, Dataset: ds}, nil
	}
	parts, err := e.Split.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		return nil, err
	}
	if e.Part < 0 || e.Part >= len(parts) || len(parts[e.Part]) == 0 {
		return nil, e.refuseEmpty()
	}
	part := *ds
	part.Train = data.Pick(ds.Train, parts[e.Part])
	return &OpenData{Entry: e, Dataset: &part}, nil
}

// Samples loads the training samples.
func (d *OpenData) Samples() (*data.Samples, error) { return data.LoadAll(d.Task, d.Train) }

// TestSamples loads the test samples.
func (d *OpenData) TestSamples() (*data.Samples, error) {
	if d.Test == nil {
		return nil, Fail(CodeUsage, "", "data set %s has no test part", d.Entry.Name)
	}
	return data.LoadAll(d.Task, d.Test)
}

// testDataFor finds a registered data set of a task that has a test part and can
// be opened; nil when there is none. What cannot be opened is reported.
func testDataFor(ctx context.Context, c Conn, task string, report Report) (*OpenData, error) {
	all, err := ListData.Do(ctx, c, None{}, nil)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{} // parts of one data set share a path
	for _, e := range all {
		if e.Task != task || e.Test == 0 || gone[e.Path] || e.Split != nil && e.Samples() == 0 {
			continue
		}
		d, err := OpenLocal(ctx, c, e.Name)
		if err == nil || ctx.Err() != nil {
			return d, err
		}
		gone[e.Path] = true
		report.say(Progress{Note: fmt.Sprintf("%s cannot test the model: %v ('distillmesh data rm %s' forgets it)", e.Name, err, e.Name)})
	}
	return nil, nil
}
