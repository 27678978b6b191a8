// What every kernel uses. The same text is OpenCL C for a driver's compiler, and for clang,
// which makes PTX of it. A group is 256 work items in a row; the third index of a group
// counts the lanes (equal models side by side) that are computed.

#ifdef __NVPTX__
#define ITEM ((uint)__nvvm_read_ptx_sreg_tid_x())
#define GROUP(d) ((uint)GROUP_##d)
#define GROUP_0 __nvvm_read_ptx_sreg_ctaid_x()
#define GROUP_1 __nvvm_read_ptx_sreg_ctaid_y()
#define GROUP_2 __nvvm_read_ptx_sreg_ctaid_z()
#define GROUPS_0 ((uint)__nvvm_read_ptx_sreg_nctaid_x())
#define WAIT() __syncthreads()
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define HIGH(a, b) __nvvm_mulhi_ui(a, b)
#define EXP(x) __nvvm_ex2_approx_f((x) * 1.4426950408889634f)
#define LOG(x) (__nvvm_lg2_approx_f(x) * 0.6931471805599453f)
#define FLOOR(x) __nvvm_floor_f(x)
#define ABS(x) __nvvm_fabs_f(x)
#else
#define ITEM ((uint)get_local_id(0))
#define GROUP(d) ((uint)get_group_id(d))
#define GROUPS_0 ((uint)get_num_groups(0))
#define WAIT() barrier(CLK_LOCAL_MEM_FENCE)
#define FMA(a, b, c) fma(a, b, c)
#define HIGH(a, b) mul_hi(a, b)
#define EXP(x) exp(x)
#define LOG(x) log(x)
#define FLOOR(x) floor(x)
#define ABS(x) fabs(x)
#endif

#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define MOST(a, b) ((a) > (b) ? (a) : (b))
#define UNROLL _Pragma("unroll")
#define ITEMS 256
#define KERNEL __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))

// An array is a buffer with the place of its first value in lane 0, and the distance between
// lanes.
#define READS(x) __global const float *x, ulong x##_at, ulong x##_lane
#define WRITES(x) __global float *x, ulong x##_at, ulong x##_lane
#define LANE (lanes[GROUP(2)])
#define LOCATE(x) x += x##_at + x##_lane * (ulong)LANE

// Division by a number known beforehand: q = (high(n m) + n) >> s, for n below 2^31.
struct divisor { uint m, s, d; };

static uint quotient(uint n, struct divisor d) { return (HIGH(n, d.m) + n) >> d.s; }

// INDEX is the number of a work item among all; kernels over n values end beyond them.
#define INDEX (GROUP(0) * ITEMS + ITEM)
