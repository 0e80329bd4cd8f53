"""Writes the golden files of this folder: runs of the schedulers of huggingface/diffusers, an implementation that no one
here wrote.

    python3 make.py <import path> ...

where the import paths together hold `diffusers` (0.30 or later) and what it imports; torch, numpy and scipy come from
the system. The files here were made with the release 0.35.2, Debian's python3-torch 1.13 and python3-scipy 1.10.

The model is analytic: the mixture of problem G at the scheduler's own noise level, as a noise, data, velocity or flow
prediction. A run is written on one line of the file of its scheduler: its config as diffusers writes it, its network
calls, `x = a x_0 + s eps` with the a and s of the call, the noise drawn after each call, and its end.

The schedulers compute in float32 by literal; to compare formulas and not rounding, float32 is made another name of
float64 before they are imported.
"""

import inspect
import json
import os
import sys

sys.path[:0] = sys.argv[1:]
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402

np.float32 = np.float64
torch.float32 = torch.float64
torch.set_default_dtype(torch.float64)

import diffusers  # noqa: E402

WEIGHTS, MEANS, STDS = np.array([[0.5, 0.3, 0.2], [-1.2, 0.4, 1.5], [0.25, 0.35, 0.2]])
START = np.array([-1.0, 0.3, 2.0])


def predictions(x, a, s):
    """E[x_0 | x] and E[eps | x] of problem G at x = a x_0 + s eps, for every number of x."""
    variance = (a * STDS) ** 2 + s**2
    gap = x[:, None] - a * MEANS
    log = np.log(WEIGHTS) - 0.5 * np.log(variance) - 0.5 * gap**2 / variance
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    data = (weights * (MEANS + a * STDS**2 / variance * gap)).sum(axis=1)
    noise = (weights * s / variance * gap).sum(axis=1)
    return data, noise


def model(x, a, s, kind):
    data, noise = predictions(x, a, s)
    return {"epsilon": noise, "sample": data, "v_prediction": a * noise - s * data, "flow_prediction": noise - data}[kind]


def vp(sigma):
    return 1 / np.sqrt(1 + sigma**2), sigma / np.sqrt(1 + sigma**2)


def level(scheduler, call, timestep):
    """(a, s) at which the scheduler takes its current sample to be, and the scale from that sample to x = a x_0 + s eps."""
    name = type(scheduler).__name__
    if name in ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler"):
        abar = float(scheduler.alphas_cumprod[int(timestep)])
        return np.sqrt(abar), np.sqrt(1 - abar), 1.0
    if name == "IPNDMScheduler":
        return float(scheduler.alphas[call]), float(scheduler.betas[call]), 1.0
    sigma = float(scheduler.sigmas[call])
    if name.startswith("EDM"):
        return 1.0, sigma, 1.0
    if name.startswith("FlowMatch"):
        return 1 - sigma, sigma, 1.0
    if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
        a, s = scheduler._sigma_to_alpha_sigma_t(torch.tensor(sigma))
        return float(a), float(s), 1.0
    if name == "KDPM2DiscreteScheduler" and not scheduler.state_in_first_order:
        sigma = float(scheduler.sigmas_interpol[call])
    a, s = vp(sigma)
    return a, s, a


def end_level(scheduler):
    """The same after the last step."""
    name = type(scheduler).__name__
    if name in ("DDPMScheduler", "IPNDMScheduler"):
        return 1.0, 0.0, 1.0
    if name in ("DDIMScheduler", "PNDMScheduler"):
        last = int(scheduler.timesteps[-1]) - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        abar = float(scheduler.final_alpha_cumprod if last < 0 else scheduler.alphas_cumprod[last])
        return np.sqrt(abar), np.sqrt(1 - abar), 1.0
    return level(scheduler, len(scheduler.sigmas) - 1, None)


def edm_output(scheduler, x, sigma):
    """The raw network output F that the preconditioning of EDM turns into the data prediction."""
    d = scheduler.config.sigma_data
    skip, out = d**2 / (sigma**2 + d**2), sigma * d / np.sqrt(sigma**2 + d**2)
    sign = -1 if scheduler.config.prediction_type == "v_prediction" else 1
    return sign * (predictions(x, 1.0, sigma)[0] - skip * x) / out


def digits(values):
    return [float(f"{v:.15g}") for v in np.ravel(values)]


def run(name, scheduler, steps, step={}, timesteps={}, options={}):
    """One case. `step` and `timesteps` go to the scheduler's methods; `options` is what a reader must know besides."""
    random = np.random.RandomState(7)
    draws = []

    def draw(shape, **_):
        draws.append(np.round(random.standard_normal(int(np.prod(shape))), 6))
        return torch.tensor(draws[-1]).reshape(tuple(shape))

    module = sys.modules[type(scheduler).__module__]
    module.randn_tensor = draw
    torch.randn_like = lambda x: draw(x.shape)
    # Python writes -Infinity, which is not JSON.
    config = json.loads(scheduler.to_json_string(), parse_constant=str)
    scheduler.set_timesteps(**({"num_inference_steps": steps} | timesteps))
    initial = float(getattr(scheduler, "init_noise_sigma", 1.0))
    sample = torch.tensor(START * initial).reshape(1, 3, 1, 1)
    calls = []
    for i, t in enumerate(scheduler.timesteps):
        a, s, scale = level(scheduler, i, t)
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(sample, t)
        x = sample.numpy().ravel() * scale
        calls.append({"timestep": float(f"{float(t):.15g}"), "level": digits([a, s]), "x": digits(x)})
        if type(scheduler).__name__.startswith("EDM"):
            output = edm_output(scheduler, x, s)
        else:
            kind = getattr(scheduler.config, "prediction_type", None)
            default = "flow_prediction" if type(scheduler).__name__.startswith("FlowMatch") else "v_prediction"
            output = model(x, a, s, kind or default)
        sample = scheduler.step(torch.tensor(output).reshape(sample.shape), t, sample, **step).prev_sample
    a, s, scale = end_level(scheduler)
    out = {"name": name, "config": config, "steps": steps, "options": options, "initial": initial, "calls": calls}
    if draws:
        out["noise"] = [list(d) for d in draws]
    out["end"] = {"level": digits([a, s]), "x": digits(sample.numpy().ravel() * scale)}
    assert all(np.isfinite(out["end"]["x"])), name
    return out


def cases():
    """Pairs of a file name and a case."""
    d = diffusers

    def add(cls, name, steps, config={}, **rest):
        scheduler = getattr(d, cls)(**config)
        accepted = inspect.signature(type(scheduler).__init__).parameters
        assert all(key in accepted for key in config), (cls, name)
        return cls, run(name, scheduler, steps, **rest)

    sd = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

    plain = {"clip_sample": False}
    yield add("DDIMScheduler", "leading", 10, plain)
    yield add("DDIMScheduler", "stable diffusion", 8, plain | sd | {"set_alpha_to_one": False, "steps_offset": 1})
    yield add("DDIMScheduler", "eta 1", 8, plain, step={"eta": 1.0}, options={"eta": 1})
    yield add("DDIMScheduler", "eta 0.5, data prediction", 10, plain | {"prediction_type": "sample"}, step={"eta": 0.5},
              options={"eta": 0.5})
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    yield add("DDIMScheduler", "zero terminal SNR", 10, plain | sd | zero)
    yield add("DDIMScheduler", "cosine, trailing", 8,
              plain | {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"})
    yield add("DDIMScheduler", "clipped", 10, {}, step={"use_clipped_model_output": True})
    yield add("DDIMScheduler", "dynamic thresholding", 10, {"thresholding": True, "sample_max_value": 1.5},
              step={"use_clipped_model_output": True})
    yield add("DDIMScheduler", "linspace", 8, plain | {"timestep_spacing": "linspace"})
    yield add("DDIMScheduler", "trailing, 7 steps", 7, plain | {"timestep_spacing": "trailing"})

    yield add("DDPMScheduler", "leading", 10, plain)
    yield add("DDPMScheduler", "large variance", 10, plain | {"variance_type": "fixed_large"})
    yield add("DDPMScheduler", "large variance, trailing", 10,
              plain | {"variance_type": "fixed_large", "timestep_spacing": "trailing"})
    yield add("DDPMScheduler", "linspace, clipped", 7, {"timestep_spacing": "linspace"})
    yield add("DDPMScheduler", "cosine, v", 9,
              plain | {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"})
    yield add("DDPMScheduler", "sigmoid, log variance", 8,
              plain | {"beta_schedule": "sigmoid", "variance_type": "fixed_small_log"})

    for cls in ("EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler"):
        yield add(cls, "linspace", 8, sd)
        yield add(cls, "leading, karras", 7, sd | {"timestep_spacing": "leading", "steps_offset": 1,
                                                   "use_karras_sigmas": True})
        yield add(cls, "trailing, v", 8, sd | {"timestep_spacing": "trailing", "prediction_type": "v_prediction"})
    yield add("EulerDiscreteScheduler", "exponential sigmas", 6, sd | {"use_exponential_sigmas": True})
    yield add("EulerDiscreteScheduler", "beta sigmas", 9, sd | {"use_beta_sigmas": True})
    yield add("EulerDiscreteScheduler", "sigma_min", 6,
              sd | {"final_sigmas_type": "sigma_min"})
    yield add("EulerDiscreteScheduler", "zero terminal SNR", 8, sd | zero)
    yield add("EulerDiscreteScheduler", "video", 6, {
        "prediction_type": "v_prediction", "timestep_type": "continuous", "timestep_spacing": "leading",
        "use_karras_sigmas": True, "sigma_min": 0.002, "sigma_max": 700.0, "steps_offset": 1} | sd)
    yield add("HeunDiscreteScheduler", "exponential sigmas", 6, sd | {"use_exponential_sigmas": True})
    yield add("HeunDiscreteScheduler", "beta sigmas, data", 6, sd | {"use_beta_sigmas": True, "prediction_type": "sample"})
    yield add("LMSDiscreteScheduler", "exponential sigmas", 10, sd | {"use_exponential_sigmas": True})

    yield add("EulerAncestralDiscreteScheduler", "linspace", 8, sd)
    yield add("EulerAncestralDiscreteScheduler", "leading, v", 7,
              sd | {"timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "v_prediction"})
    yield add("EulerAncestralDiscreteScheduler", "zero terminal SNR", 8, sd | zero)

    yield add("PNDMScheduler", "Runge-Kutta start", 10, {"set_alpha_to_one": True})
    yield add("PNDMScheduler", "Runge-Kutta start, stable diffusion", 10, sd | {"steps_offset": 1})
    yield add("PNDMScheduler", "no Runge-Kutta start", 10, {"skip_prk_steps": True, "set_alpha_to_one": True})
    yield add("PNDMScheduler", "stable diffusion", 8, sd | {"skip_prk_steps": True, "steps_offset": 1})
    yield add("PNDMScheduler", "trailing", 10, {"skip_prk_steps": True, "timestep_spacing": "trailing"})

    yield add("IPNDMScheduler", "default", 10)
    yield add("IPNDMScheduler", "given levels", 8,
              {"trained_betas": [0.995, 0.97, 0.9, 0.78, 0.62, 0.45, 0.28, 0.12, 0.0]})

    for order in (1, 2, 3):
        yield add("DEISMultistepScheduler", f"order {order}", 8, {"solver_order": order})
    yield add("DEISMultistepScheduler", "leading, stable diffusion", 9,
              sd | {"solver_order": 3, "timestep_spacing": "leading", "steps_offset": 1})
    yield add("DEISMultistepScheduler", "karras", 8, sd | {"use_karras_sigmas": True})
    yield add("DEISMultistepScheduler", "to the end, trailing, v", 8,
              {"lower_order_final": False, "timestep_spacing": "trailing", "prediction_type": "v_prediction"})
    flow = {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"}
    yield add("DEISMultistepScheduler", "flow", 8, flow)

    for order in (1, 2, 3, 4):
        for kind in ("bh1", "bh2"):
            # bh1 with the default, zero, ends in NaN: inf * 0.
            final = "sigma_min" if kind == "bh1" else "zero"
            yield add("UniPCMultistepScheduler", f"order {order}, {kind}", 8,
                      {"solver_order": order, "solver_type": kind, "final_sigmas_type": final})
    yield add("UniPCMultistepScheduler", "noise, sigma_min", 8,
              {"predict_x0": False, "final_sigmas_type": "sigma_min", "solver_order": 3})
    yield add("UniPCMultistepScheduler", "to the end, sigma_min", 8,
              {"lower_order_final": False, "final_sigmas_type": "sigma_min", "timestep_spacing": "leading"})
    yield add("UniPCMultistepScheduler", "karras, v", 8, sd | {"use_karras_sigmas": True, "prediction_type": "v_prediction"})
    yield add("UniPCMultistepScheduler", "karras, sigma_min", 7,
              sd | {"use_karras_sigmas": True, "final_sigmas_type": "sigma_min"})
    yield add("UniPCMultistepScheduler", "no corrector at first", 8, {"disable_corrector": [0, 1]})
    yield add("UniPCMultistepScheduler", "flow", 8, flow)

    for order in (1, 2, 3):
        yield add("DPMSolverMultistepScheduler", f"++ order {order}", 8, {"solver_order": order})
        yield add("DPMSolverMultistepScheduler", f"order {order}", 8,
                  {"solver_order": order, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"})
        yield add("DPMSolverMultistepScheduler", f"SDE ++ order {order}", 8,
                  {"solver_order": order, "algorithm_type": "sde-dpmsolver++"})
    for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"):
        yield add("DPMSolverMultistepScheduler", f"{algorithm}, heun", 8,
                  {"algorithm_type": algorithm, "solver_type": "heun", "final_sigmas_type": "sigma_min"})
    yield add("DPMSolverMultistepScheduler", "sde-dpmsolver", 8,
              {"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min", "timestep_spacing": "leading"})
    yield add("DPMSolverMultistepScheduler", "karras", 10, sd | {"use_karras_sigmas": True})
    yield add("DPMSolverMultistepScheduler", "SDE karras", 10,
              sd | {"use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"})
    yield add("DPMSolverMultistepScheduler", "exponential sigmas", 8, sd | {"use_exponential_sigmas": True})
    yield add("DPMSolverMultistepScheduler", "beta sigmas", 8, sd | {"use_beta_sigmas": True})
    yield add("DPMSolverMultistepScheduler", "lu lambdas", 8, sd | {"use_lu_lambdas": True})
    yield add("DPMSolverMultistepScheduler", "cosine, clipped lambda", 8,
              {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1})
    yield add("DPMSolverMultistepScheduler", "zero terminal SNR", 8, sd | zero)
    yield add("DPMSolverMultistepScheduler", "to the end", 8,
              {"lower_order_final": False, "final_sigmas_type": "sigma_min", "solver_order": 3})
    yield add("DPMSolverMultistepScheduler", "Euler at the end", 8,
              {"lower_order_final": False, "euler_at_final": True, "final_sigmas_type": "sigma_min"})
    yield add("DPMSolverMultistepScheduler", "16 steps", 16, {"final_sigmas_type": "sigma_min"})
    yield add("DPMSolverMultistepScheduler", "flow", 8, flow)

    for order in (1, 2, 3):
        yield add("DPMSolverSinglestepScheduler", f"++ order {order}", 9,
                  {"solver_order": order, "lower_order_final": True})
    for kind in ("midpoint", "heun"):
        yield add("DPMSolverSinglestepScheduler", f"order 3, {kind}", 9,
                  {"solver_order": 3, "solver_type": kind, "algorithm_type": "dpmsolver",
                   "final_sigmas_type": "sigma_min"})
    yield add("DPMSolverSinglestepScheduler", "++ heun", 8,
              {"solver_type": "heun", "final_sigmas_type": "sigma_min"})
    yield add("DPMSolverSinglestepScheduler", "karras", 10, sd | {"use_karras_sigmas": True, "lower_order_final": True})
    yield add("DPMSolverSinglestepScheduler", "SDE", 8,
              {"algorithm_type": "sde-dpmsolver++", "lower_order_final": True})

    yield add("EDMEulerScheduler", "default", 8)
    yield add("EDMEulerScheduler", "exponential", 6, {"sigma_schedule": "exponential"})
    yield add("EDMDPMSolverMultistepScheduler", "default", 8)
    yield add("EDMDPMSolverMultistepScheduler", "order 3", 8, {"solver_order": 3, "sigma_schedule": "exponential"})
    yield add("EDMDPMSolverMultistepScheduler", "SDE", 8, {"algorithm_type": "sde-dpmsolver++"})

    yield add("FlowMatchEulerDiscreteScheduler", "default", 8)
    yield add("FlowMatchEulerDiscreteScheduler", "shift 3", 8, {"shift": 3.0})
    yield add("FlowMatchEulerDiscreteScheduler", "dynamic shift", 8, {"use_dynamic_shifting": True},
              timesteps={"mu": 0.9, "sigmas": list(np.linspace(1, 1 / 8, 8))},
              options={"mu": 0.9, "sigmas": list(np.linspace(1, 1 / 8, 8))})
    yield add("FlowMatchEulerDiscreteScheduler", "dynamic shift, own sigmas", 8,
              {"use_dynamic_shifting": True, "time_shift_type": "linear"}, timesteps={"mu": 2.0}, options={"mu": 2.0})
    yield add("FlowMatchEulerDiscreteScheduler", "to a terminal", 8, {"shift": 2.0, "shift_terminal": 0.1})
    yield add("FlowMatchEulerDiscreteScheduler", "karras", 8, {"shift": 2.0, "use_karras_sigmas": True})
    yield add("FlowMatchEulerDiscreteScheduler", "stochastic", 6, {"shift": 2.0, "stochastic_sampling": True})
    yield add("FlowMatchHeunDiscreteScheduler", "default", 6)
    yield add("FlowMatchHeunDiscreteScheduler", "shift 3", 6, {"shift": 3.0})

    def sa(name, steps, config, tau=None):
        scheduler = d.SASolverScheduler(**config)
        options = {}
        if tau is not None:
            scheduler.tau_func = lambda t: torch.tensor(tau)
            options = {"tau": tau}
        else:
            tau_func = scheduler.tau_func
            scheduler.tau_func = lambda t: torch.tensor(float(tau_func(t)))
        return "SASolverScheduler", run(name, scheduler, steps, options=options)

    yield sa("default", 8, {})
    yield sa("no noise", 8, {}, tau=0.0)
    yield sa("tau 1", 8, {}, tau=1.0)
    yield sa("tau 0.6, order 3, corrector 1", 8, {"predictor_order": 3, "corrector_order": 1}, tau=0.6)
    yield sa("orders 3 and 4", 8, {"predictor_order": 3, "corrector_order": 4}, tau=0.6)
    yield sa("order 1, corrector 2", 8, {"predictor_order": 1, "corrector_order": 2}, tau=0.6)
    yield sa("noise prediction", 8, {"algorithm_type": "noise_prediction"}, tau=0.6)


def main():
    files = {}
    for cls, case in cases():
        files.setdefault(cls, []).append(case)
    here = os.path.dirname(os.path.abspath(__file__))
    for cls, runs in files.items():
        with open(os.path.join(here, f"{cls}.jsonl"), "w") as file:
            file.writelines(json.dumps(case, separators=(",", ":")) + "\n" for case in runs)


main()
