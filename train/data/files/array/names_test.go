package array

import "testing"

func TestNamesOfArraysTellRoleAndPart(t *testing.T) {
	for name, want := range map[string][2]string{
		"x": {samples, ""}, "X_train": {samples, "train"}, "trainImages": {samples,
			"train"}, "dir/test-labels": {labels, "test"}, "val_y": {labels, "val"}, "label_names": {classNames, ""},
		"dataset.train.images": {samples, "train"}, "dataset.test.labels": {labels,
			"test"}, "dataset.train.writers": {other, "train"}, "dataset.mapping": {other, ""}, "x.train": {samples, "train"},
		"train.x": {samples, "train"},
		"notes":   {other, ""}, "ids_train": {other, "train"},
	} {
		if role, part := roleOf(name); role != want[0] || part != want[1] {
			t.Errorf("%s: %q of %q, want %q", name, role, part, want)
		}
	}
}
