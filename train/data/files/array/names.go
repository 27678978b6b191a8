package array

import (
	"slices"
	"strings"
	"unicode"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Roles of an array.
const (
	samples    = "samples"
	labels     = "labels"
	classNames = "class names"
	other      = ""
)

// roleWords are the usual names of arrays of samples and labels in NumPy,
// Keras, scikit-learn, MedMNIST, MATLAB and elsewhere.
var roleWords = map[string]string{
	"x": samples, "xs": samples, "image": samples, "images": samples, "img": samples, "imgs": samples, "data": samples,
	"features": samples,
	"feature":  samples, "samples": samples, "inputs": samples, "input": samples, "pixels": samples, "arr_0": samples,
	"fea": samples,
	"y":   labels, "ys": labels, "label": labels, "labels": labels, "target": labels, "targets": labels, "class": labels,
	"arr_1": labels,
	"lbl":   labels, "lbls": labels, "output": labels, "outputs": labels, "gnd": labels, "gt": labels,
	"fine_labels": labels, "fine_label": labels,
	"label_names": classNames, "class_names": classNames, "target_names": classNames, "classnames": classNames,
	"fine_label_names": classNames,
	"classes":          labels,
}

// roleOf finds the role and the part of an array from its name; the part is
// spelt as there, empty when the name has none.
func roleOf(name string) (role, part string) {
	words := splitWords(name)
	if i := strings.LastIndexByte(name, '.'); i >= 0 { // a field of a struct of MATLAB
		for _, w := range splitWords(name[:i]) {
			if part == "" && files.PartOf(w) != "" {
				part = w
			}
		}
		if part != "" {
			words = splitWords(name[i+1:])
		}
	}
	var rest []string
	for _, w := range words {
		if part == "" && files.PartOf(w) != "" && len(words) > 1 {
			part = w
			continue
		}
		rest = append(rest, w)
	}
	joined := strings.Join(rest, "_")
	role = roleWords[joined]
	if role == other && part != "" && len(rest) > 0 {
		role = roleWords[rest[len(rest)-1]] // dataset.train.images
	}
	if role != other || part != "" {
		return role, part
	}
	for _, at := range []string{"x", "y"} { // xtrain, trainx
		for _, w := range []string{strings.TrimPrefix(joined, at), strings.TrimSuffix(joined, at)} {
			if w != joined && files.PartOf(w) != "" {
				return roleWords[at], w
			}
		}
	}
	return other, ""
}

// splitWords splits a name into words: x_train, trainX, x-train, Train Images.
func splitWords(name string) []string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	var b strings.Builder
	before := rune(0)
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			b.WriteByte('_')
		}
		if strings.ContainsRune("-. ", r) {
			r = '_'
		}
		b.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' })
}

// group is the arrays of one part.
type group struct {
	part            string
	samples, labels []string
}

// grouped sorts the arrays of a store by part and role, in order of appearance.
// names is the array of class names, rest what has no role.
func grouped(all []string) (groups []*group, names string, rest []string) {
	of := func(part string) *group {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.part == part })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{part: part})
		}
		return groups[i]
	}
	for _, name := range all {
		switch role, part := roleOf(name); role {
		case samples:
			of(part).samples = append(of(part).samples, name)
		case labels:
			of(part).labels = append(of(part).labels, name)
		case classNames:
			names = name
		default:
			rest = append(rest, name)
		}
	}
	return groups, names, rest
}
