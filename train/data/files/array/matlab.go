package array

import (
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/mat"
)

// Matlab reads the parts of a MATLAB file of level 5.
func Matlab(tree *files.Tree, name string, opt Options, a *files.Account) (train, test *files.Part, err error) {
	var vars []mat.Variable
	err = tree.Read(name, func(r io.Reader) error {
		vars, err = mat.Decode(files.Bounded(r, files.MaxBytes), mat.Limits{Bytes: files.MaxBytes})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	var all []*values
	for _, v := range vars {
		switch {
		case v.Skipped != "":
			a.Skip("MATLAB variables that are not read: "+v.Skipped, v.Name)
		case v.Text != nil:
			all = append(all, &values{name: v.Name, dims: []int{len(v.Text)}, text: v.Text})
		case v.Data != nil:
			one, err := valuesOf(v.Name, v.DType, v.Dims, true, v.Data)
			if err != nil {
				return nil, nil, files.Named(tree.At(name), place(v.Name, err))
			}
			all = append(all, one)
		default:
			a.Skip("MATLAB variables without numbers", v.Name)
		}
	}
	a.Count("MATLAB file")
	return inMemory(tree.At(name), "MATLAB file", all).parts(opt, a)
}
