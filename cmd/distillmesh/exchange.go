package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/exchange"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/data"
)

// foreignFlags are what rank says about sets that were made elsewhere, and of sets that others will read.
type foreignFlags struct {
	exchange.Options
	paths  []string // to import
	method string
	dir    string // to export to
	form   string
	model  string // of the exported configuration
}

// foreignNames are the flags of foreignFlags, for help.
var foreignNames = []string{"import", "made-by", "values", "mean", "std", "layout", "images", "label-array", "labels",
	"soft", "first-label", "classes", "item", "export", "export-form", "export-model"}

func (r *foreignFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&r.paths, "import", nil,
		"a set made elsewhere: .npz, safetensors, a PyTorch file of plain tensors (never executed), or a folder of "+
			"pictures for each class; may be repeated")
	f.StringVar(&r.method, "made-by", "",
		"how imported sets were made, such as datm or sre2l: decides the recipe, if it has one")
	f.StringVar((*string)(&r.Values), "values", "",
		"of imported images: unit, byte, standard or task (default: by their range)")
	f.Float64SliceVar(&r.Mean, "mean", nil, "of standardized images, one for each channel")
	f.Float64SliceVar(&r.Std, "std", nil, "the deviations that go with --mean")
	f.StringVar(&r.Layout, "layout", "", "axes of imported images: NCHW, NHWC or NHW (default: by their sizes)")
	f.StringVar(&r.Images, "images", "", "name of the array of images")
	f.StringVar(&r.LabelArray, "label-array", "", "name of the array of labels")
	f.StringVar(&r.Labels, "labels", "", "a file of labels alone")
	f.StringVar((*string)(&r.Soft), "soft", "",
		"of rows of labels: probabilities, logits or targets (default: by their values)")
	f.StringVar(&r.FirstLabel, "first-label", "", "number of the first class, 0 or 1")
	f.StringVar((*string)(&r.Classes), "classes", "", "order of folders of classes: names or natural")
	f.IntVar(&r.Item, "item", 0, "which of several sets in one file, counted from 1")
	f.StringVar(&r.dir, "export", "", "instead of scoring, write the set to a folder as the DD-Ranking package reads it")
	f.StringVar(&r.form, "export-form", string(exchange.Tensor), "tensor, or image for pictures of 8 bits")
	f.StringVar(&r.model, "export-model", "", "model of the exported configuration (default: that of the recipe)")
}

// imported reads sets made elsewhere as sets of ours, which hold the same samples bit for bit.
func (a *app) imported(ctx context.Context, r foreignFlags, ds *data.Dataset) (out []rank.Candidate, _ error) {
	if len(r.paths) == 0 {
		return nil, nil
	}
	local, err := data.LoadAll(ds.Task, ds.Train)
	if err != nil {
		return nil, err
	}
	for _, path := range r.paths {
		f, err := exchange.Read(path, ds.Task, r.Options)
		if err != nil {
			return nil, err
		}
		for _, line := range f.Lines() {
			a.tell("%s", line)
		}
		made, err := f.Make(ctx, exchange.MakeOptions{Method: r.method, Local: local, Bare: true})
		if err != nil {
			return nil, err
		}
		method := r.method
		if method == "" {
			method = exchange.Imported
		}
		out = append(out, rank.Candidate{Name: path, Method: method, Sets: []*artifact.Set{&made.Set},
			Bytes: []int64{made.Files.Bytes()}})
	}
	return out, nil
}

// exported writes the one set that is named.
func (a *app) exported(r *rankFlags) error {
	if len(r.Candidates) != 1 || len(r.Candidates[0].Sets) != 1 {
		return api.Fail(api.CodeUsage, "name one set", "--export writes one set, and %d are named", len(r.Candidates))
	}
	got, err := exchange.Write(r.foreign.dir, r.Candidates[0].Sets[0], r.Data.Task,
		exchange.ExportOptions{Form: exchange.Form(r.foreign.form), Model: r.foreign.model})
	if err != nil {
		return err
	}
	a.finish()
	for _, line := range got.Lines() {
		a.tell("%s", line)
	}
	if a.json {
		return a.document(got)
	}
	a.print("%s", got.Dir)
	return nil
}
